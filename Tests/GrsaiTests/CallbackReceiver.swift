import Grsai
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// A server that takes callbacks and hands them on.
enum CallbackReceiver {
    struct Callback: Sendable {
        /// The end of the address it came to.
        let nonce: String
        let body: GrsaiCallback?
    }

    /// Runs a test with the address to put before a nonce, and with what comes in there.
    static func run(
        _ test: @escaping @Sendable (String, AsyncStream<Callback>) async throws -> Void
    ) async throws {
        let (callbacks, sink) = AsyncStream<Callback>.makeStream()
        let (ports, announce) = AsyncStream<Int>.makeStream()
        let router = Router()
        router.post("callbacks/:nonce") { request, context in
            let body = try await request.body.collect(upTo: 65_536)
            sink.yield(
                Callback(
                    nonce: context.parameters.get("nonce") ?? "",
                    body: GrsaiCallback(body: Array(body.readableBytesView))))
            return HTTPResponse.Status.ok
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { announce.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            var first = ports.makeAsyncIterator()
            let port = await first.next() ?? 0
            try await test("http://127.0.0.1:\(port)/callbacks/", callbacks)
            group.cancelAll()
        }
    }
}
