import BatchEngine
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Webhooks

/// What a transport connects to, with names that lead where the test says.
struct TransportTests {
    /// Addresses that a name leads to, one after the other; it counts how often it was asked.
    private final class Names: Sendable {
        private let answers: [[String]]
        private let count = Mutex(0)

        init(_ answers: [[String]]) { self.answers = answers }

        var asked: Int { count.withLock { $0 } }

        func resolve(_ port: Int) throws -> [SocketAddress] {
            let turn = count.withLock { count in
                count += 1
                return min(count, answers.count) - 1
            }
            return try answers[turn].map { try SocketAddress(ipAddress: $0, port: port) }
        }
    }

    private func message(_ url: String) -> WebhookMessage {
        WebhookMessage(test: url, sentAt: 1_790_812_800, secret: .generate())
    }

    /// A server on this machine that answers every connection, and counts them.
    private func withServer(_ body: (Int, @Sendable () -> Int) async throws -> Void) async throws {
        let counted = Counter()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                counted.add()
                return channel.pipeline.addHandler(Answers())
            }
            .bind(host: "127.0.0.1", port: 0).get()
        try await body(channel.localAddress?.port ?? 0) { counted.value }
        try await channel.close()
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)

        var value: Int { count.withLock { $0 } }

        func add() { count.withLock { $0 += 1 } }
    }

    private final class Answers: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let answer = ByteBuffer(string: "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
            context.writeAndFlush(NIOAny(answer), promise: nil)
        }
    }

    @Test func `what was looked up and judged is what is connected to, whatever the name leads to later`() async throws
    {
        try await withServer { port, connections in
            // First to this machine, then elsewhere: asked once, so it is this machine.
            let names = Names([["127.0.0.1"], ["192.0.2.1"]])
            let transport = HTTPWebhookTransport(rules: .init(allowsPlain: true, allowsPrivate: true)) { _, port in
                try names.resolve(port)
            }
            let answer = try #require(await transport.send(message("http://receiver.invalid:\(port)/hook")))
            #expect(answer.status == 204 && answer.failure == nil && answer.address == "127.0.0.1", "\(answer)")
            #expect(names.asked == 1 && connections() == 1)

            // Judged at every attempt: a name that leads to one's own network later is refused then.
            let turning = Names([["203.0.113.1"], ["127.0.0.1"]])
            let strict = HTTPWebhookTransport(rules: .init(allowsPlain: true)) { _, port in try turning.resolve(port) }
            for _ in 0..<2 {
                let refused = try #require(await strict.send(message("http://receiver.invalid:\(port)/hook")))
                #expect(refused.status == nil && refused.failure?.contains("public internet") == true, "\(refused)")
            }
            #expect(turning.asked == 2 && connections() == 1)
            try await transport.shutdown()
            try await strict.shutdown()
        }
    }

    @Test func `a name without an address, and one that nobody looks up in time, are failures within five seconds`()
        async throws
    {
        let transport = HTTPWebhookTransport()
        let unknown = try #require(await transport.send(message("https://receiver.invalid/hook")))
        #expect(unknown.status == nil && unknown.address == nil && unknown.failure != nil, "\(unknown)")
        let slow = HTTPWebhookTransport(rules: .init()) { _, _ in
            try await Task.sleep(for: .seconds(60))
            return []
        }
        let answer = try #require(await slow.send(message("https://receiver.invalid/hook")))
        #expect(answer.failure == "there was no answer within 5 seconds" && answer.milliseconds < 8_000)
        try await transport.shutdown()
        try await slow.shutdown()
    }
}
