import BatchEngine
import Domain
import Formats
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// What is known of a request on its way.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The caller's address: the other end of the connection or, where that is a trusted proxy, who asked it.
    var remoteAddress: String?
    /// When the request's head was there, by the server's own clock.
    var beganAt: Int64 = 0
    /// The connection.
    let connection: ObjectIdentifier
    /// What is found out on the way in, for the log on the way out.
    let findings = Findings()
    /// Who calls; nil where no key is asked for.
    var caller: Caller?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress
        connection = ObjectIdentifier(source.channel)
    }

    /// Throws ``APIError`` where somebody calls with a key that does not let them.
    func require(_ scope: KeyScope) throws {
        guard let caller, !caller.scopes.contains(scope) else { return }
        let others = caller.scopes.map { "may \($0.rawValue)" }.sorted().joined(separator: " and ")
        throw APIError(
            .insufficientScope, "This key \(others) only; the call needs one that may \(scope.rawValue).")
    }

    /// The caller behind a route that asks for a key.
    var authenticatedCaller: Caller {
        guard let caller else { preconditionFailure("the route stands behind KeyMiddleware") }
        return caller
    }

    /// The same for whoever is counted by their address: of IPv6 the network of 64 bits, which one customer has.
    var countedAddress: String {
        guard let remoteAddress else { return "" }
        guard let address = InternetAddress(remoteAddress), address.bytes.count == 16 else { return remoteAddress }
        return Hexadecimal.text(Array(address.bytes.prefix(8)))
    }

    /// A box that all copies of a context share.
    final class Findings: Sendable {
        private let box = Mutex<(userID: String?, keyID: String?, errorCode: String?)>((nil, nil, nil))

        var userID: String? { box.withLock { $0.userID } }
        var keyID: String? { box.withLock { $0.keyID } }
        func found(_ caller: Caller) {
            box.withLock { ($0.userID, $0.keyID) = (caller.userID, caller.keyID) }
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
    /// with GET by itself. Who calls with a key needs one that may read for GET, and one that may write for the others.
    func path(_ path: RouterPath, _ handlers: KeyValuePairs<HTTPRequest.Method, Handler>) {
        var methods = handlers.map(\.key)
        if methods.contains(.get) { methods.append(.head) }
        let allowed = methods.map(\.rawValue).joined(separator: ", ")
        for (method, handler) in handlers {
            on(path, method: method) { request, context -> Response in
                try context.require(method == .get ? .read : .write)
                return try await handler(request, context)
            }
        }
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
