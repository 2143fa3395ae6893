import BatchEngine
import Domain
import Formats
import Glibc
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// What is known of a request on its way.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The address at the other end of the connection.
    let remoteAddress: String?
    /// The same for whoever is counted by their address: of IPv6 the network of 64 bits, which one customer has.
    let countedAddress: String
    /// The connection.
    let connection: ObjectIdentifier
    /// What is found out on the way in, for the log on the way out.
    let findings = Findings()
    /// Who calls; nil where no key is asked for.
    var caller: Caller?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress
        countedAddress = Self.countedAddress(source.channel.remoteAddress)
        connection = ObjectIdentifier(source.channel)
    }

    /// The caller behind a route that asks for a key.
    var authenticatedCaller: Caller {
        guard let caller else { preconditionFailure("the route stands behind KeyMiddleware") }
        return caller
    }

    private static func countedAddress(_ address: SocketAddress?) -> String {
        guard let text = address?.ipAddress else { return "" }
        var bytes = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, text, &bytes) == 1 else { return text }
        return Hexadecimal.text(Array(bytes.prefix(8)))
    }

    /// A box that all copies of a context share.
    final class Findings: Sendable {
        private let box = Mutex<(userID: String?, errorCode: String?)>((nil, nil))

        var userID: String? {
            get { box.withLock { $0.userID } }
            set { box.withLock { $0.userID = newValue } }
        }
        var errorCode: String? {
            get { box.withLock { $0.errorCode } }
            set { box.withLock { $0.errorCode = newValue } }
        }
    }
}

extension RouterMethods where Context == APIContext {
    typealias Handler = @Sendable (Request, APIContext) async throws -> Response

    /// Every method that a request can have: the parser of HTTP knows no other.
    private static var known: [HTTPRequest.Method] {
        let names = """
            GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH \
            UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PURGE \
            MKCALENDAR LINK UNLINK SOURCE
            """
        return names.split(separator: " ").compactMap { HTTPRequest.Method(rawValue: String($0)) }
    }

    /// Adds a path with all that its methods do. Every other method is answered with those that there are; HEAD comes
    /// with GET by itself.
    func path(_ path: RouterPath, _ handlers: KeyValuePairs<HTTPRequest.Method, Handler>) {
        var methods = handlers.map(\.key)
        if methods.contains(.get) { methods.append(.head) }
        let allowed = methods.map(\.rawValue).joined(separator: ", ")
        for (method, handler) in handlers { on(path, method: method, use: handler) }
        for method in Self.known where !methods.contains(method) {
            on(path, method: method) { request, _ -> Response in
                let named = request.method == .head ? "GET" : request.method.rawValue
                var error = APIError(.methodNotAllowed, "This call has \(allowed), and no \(named).")
                error.allowed = allowed
                throw error
            }
        }
    }
}
