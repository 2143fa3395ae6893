import Domain
import Glibc
import Logging
import NIOCore

/// The file descriptors of the process.
enum OpenFiles {
    /// Raises the limit to what so many connections need, as far as the system lets us; gives the connections that
    /// there is room for.
    static func makeRoom(for connections: Int, _ logger: Logger) -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return connections }
        let wanted = rlim_t(connections + Limits.serverFiles)
        if limit.rlim_cur < wanted {
            var raised = limit
            raised.rlim_cur = min(wanted, limit.rlim_max)
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        guard limit.rlim_cur < wanted else { return connections }
        let files = Int(limit.rlim_cur)
        let room = min(connections, max(files - Limits.serverFiles, files / 2))
        logger.warning(
            "The limit of open files allows for fewer connections than wanted; see: ulimit -n",
            metadata: ["files.limit": "\(files)", "connections.wanted": "\(connections)", "connections": "\(room)"])
        return room
    }
}

/// Says once that connections cannot be accepted for want of file descriptors, and closes some that nobody needs. That
/// the server tries again only after a second is the business of NIO's own handler behind this one.
final class AcceptHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    /// Connections that are closed at once.
    private static let room = 8
    /// Milliseconds without a failure after which the next one is news.
    private static let quietMilliseconds: Int64 = 60_000

    private let traffic: Traffic
    private let logger: Logger
    private var failedAt: Int64?

    init(_ traffic: Traffic, _ logger: Logger) {
        self.traffic = traffic
        self.logger = logger
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) {
            let now = Traffic.now
            if now - (failedAt ?? Int64.min / 2) > Self.quietMilliseconds {
                logger.error(
                    "No connection can be accepted: there is no file descriptor or no memory left; see: ulimit -n",
                    metadata: ["errno": "\(error.errnoCode)"])
            }
            failedAt = now
            traffic.makeRoom(Self.room)
        }
        context.fireErrorCaught(error)
    }
}
