import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A server that speaks bytes: it can say half an answer, or hang up at any moment.
final class RawServer: Sendable {
    /// What to do after some bytes came in.
    enum Action: Sendable {
        case wait
        case close
        /// Closes without the courtesies of TCP: the other side sees a reset.
        case reset
        case send(String)
    }

    let address: String
    private let channel: any Channel
    private let log: Log

    private final class Log: Sendable {
        let connections = Mutex(0)
        let received = Mutex([String]())
    }

    private init(channel: any Channel, log: Log) {
        self.channel = channel
        self.log = log
        address = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    /// - Parameter behave: from the connection's number, counted from 0, and all that it has received, what to do;
    ///   called once with nothing received when the connection stands.
    static func start(_ behave: @escaping @Sendable (Int, String) -> Action) async throws -> RawServer {
        let log = Log()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture {
                    let number = log.connections.withLock { count in
                        defer { count += 1 }
                        return count
                    }
                    log.received.withLock { $0.append("") }
                    try child.pipeline.syncOperations.addHandler(
                        Handler { text in
                            log.received.withLock { $0[number] = text }
                            return behave(number, text)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return RawServer(channel: channel, log: log)
    }

    /// All that each connection received, in the order of the connections.
    var received: [String] { log.received.withLock(\.self) }

    func stop() async throws {
        try await channel.close()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let behave: (String) -> Action
        private var text = ""

        init(_ behave: @escaping (String) -> Action) {
            self.behave = behave
        }

        func channelActive(context: ChannelHandlerContext) {
            act(context)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: unwrapInboundIn(data))
            act(context)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }

        private func act(_ context: ChannelHandlerContext) {
            switch behave(text) {
            case .wait: break
            case .close: context.close(promise: nil)
            case .reset:
                let options = context.channel as? any SocketOptionProvider
                options?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in }
                context.close(promise: nil)
            case .send(let answer):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            }
        }
    }
}
