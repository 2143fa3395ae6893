import BatchEngine
import Hummingbird
import NIOCore
import Synchronization

/// What is known of a request on its way.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The address at the other end of the connection.
    let remoteAddress: String?
    /// What is found out on the way in, for the log on the way out.
    let findings = Findings()
    /// Who calls; nil where no key is asked for.
    var caller: Caller?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress
    }

    /// The caller behind a route that asks for a key.
    var authenticatedCaller: Caller {
        guard let caller else { preconditionFailure("the route stands behind KeyMiddleware") }
        return caller
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
