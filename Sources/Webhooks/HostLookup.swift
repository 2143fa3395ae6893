import Domain
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Looks names up as the system does, on threads of its own: a name that takes long keeps no event loop.
final class HostLookup: Sendable {
    /// Look-ups at once; a name server that is silent keeps one for about ten seconds.
    private static let threads = 64

    private let pool: NIOThreadPool

    init() {
        pool = NIOThreadPool(numberOfThreads: Self.threads)
        pool.start()
    }

    func shutdown() async throws {
        try await pool.shutdownGracefully()
    }

    /// Throws `badData` for a name that has no address. A call that is cancelled ends at once, its thread when the name
    /// server has answered.
    func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
        let reply = Reply()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                reply.await(continuation)
                pool.submit { state in
                    reply.give(
                        Result {
                            guard state == .active else { throw CancellationError() }
                            return try Self.resolve(host, port)
                        })
                }
            }
        } onCancel: {
            reply.give(.failure(CancellationError()))
        }
    }

    /// Gives the first of what comes, whoever comes first.
    private final class Reply: Sendable {
        private enum State {
            case nothing
            case awaited(CheckedContinuation<[SocketAddress], any Error>)
            case given(Result<[SocketAddress], any Error>)
        }

        private let state = Mutex(State.nothing)

        func await(_ continuation: CheckedContinuation<[SocketAddress], any Error>) {
            let early: Result<[SocketAddress], any Error>? = state.withLock { state in
                if case .given(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let early { continuation.resume(with: early) }
        }

        func give(_ result: Result<[SocketAddress], any Error>) {
            let waiter: CheckedContinuation<[SocketAddress], any Error>? = state.withLock { state in
                switch state {
                case .given: return nil
                case .nothing:
                    state = .given(result)
                    return nil
                case .awaited(let continuation):
                    state = .given(result)
                    return continuation
                }
            }
            waiter?.resume(with: result)
        }
    }

    private static func resolve(_ host: String, _ port: Int) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            throw DaybookError.badData("the name \(host) has no address: \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let info = next?.pointee {
            if let address = address(info) { addresses.append(address) }
            next = info.ai_next
        }
        return addresses
    }

    private static func address(_ info: addrinfo) -> SocketAddress? {
        guard let raw = UnsafeRawPointer(info.ai_addr) else { return nil }
        return switch info.ai_family {
        case AF_INET: SocketAddress(raw.loadUnaligned(as: sockaddr_in.self), host: "")
        case AF_INET6: SocketAddress(raw.loadUnaligned(as: sockaddr_in6.self), host: "")
        default: nil
        }
    }
}
