import BatchEngine
import Grsai
import GrsaiSimulator
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Testing

/// The callbacks that the simulator sends, through a real line.
@Suite struct CallbackTests {
    /// The callbacks of one task, when its whole life has passed.
    private static func callbacks(
        _ changes: [Knob: Int64], count: Int
    ) async throws -> (id: String, callbacks: [CallbackReceiver.Callback]) {
        let (results, sink) = AsyncStream<(String, [CallbackReceiver.Callback])>.makeStream()
        try await CallbackReceiver.run { address, stream in
            try await RunningSimulator.run(changes) { simulator async throws in
                let answer = await simulator.client.submit(.test(nonce: "n-1", callbacks: address))
                try await simulator.advance(seconds: 86_400)
                var received: [CallbackReceiver.Callback] = []
                var iterator = stream.makeAsyncIterator()
                while received.count < count, let callback = await iterator.next() { received.append(callback) }
                let stats = try await simulator.stats()
                #expect(stats.callbacks_sent == count)
                // An unknown answer too: the list names the id.
                let task = try await simulator.tasks().first
                #expect(answer.acceptedID == nil || answer.acceptedID == task?.id)
                sink.yield((task?.id ?? "", received))
            }
        }
        var iterator = results.makeAsyncIterator()
        return try #require(await iterator.next())
    }

    @Test func `progress comes first and the end last, to the address with the nonce`() async throws {
        let (id, callbacks) = try await Self.callbacks([:], count: 3)
        #expect(callbacks.allSatisfy { $0.nonce == "n-1" && $0.body?.providerTaskID == id })
        let claims = callbacks.compactMap(\.body?.claim)
        #expect(claims.prefix(2) == [.running(progress: 10), .running(progress: 50)])
        guard case .succeeded = claims.last else { throw TestFailure("\(claims)") }
    }

    @Test func `a task whose answer was dropped still calls back with its id`() async throws {
        let (id, callbacks) = try await Self.callbacks([.acceptThenDrop: 1000], count: 3)
        #expect(!id.isEmpty && callbacks.allSatisfy { $0.nonce == "n-1" && $0.body?.providerTaskID == id })
    }

    @Test func `duplicates come twice`() async throws {
        let (_, callbacks) = try await Self.callbacks([.callbackDuplicate: 1000], count: 6)
        let claims = callbacks.compactMap(\.body?.claim)
        #expect(Set(claims).count == 3 && Dictionary(grouping: claims, by: \.self).values.allSatisfy { $0.count == 2 })
    }

    @Test func `out of order, progress comes after the end`() async throws {
        let (_, callbacks) = try await Self.callbacks([.callbackOutOfOrder: 1000], count: 3)
        #expect(callbacks.last?.body?.claim == .running(progress: 50))
    }

    @Test func `forged ones name a task that was never taken, and an early success`() async throws {
        let (id, callbacks) = try await Self.callbacks([.callbackForged: 1000, .error: 1000], count: 5)
        let bodies = callbacks.compactMap(\.body)
        #expect(bodies.contains { $0.providerTaskID != id })
        #expect(
            bodies.contains { body in
                if case .succeeded = body.claim, body.providerTaskID == id { return true }
                return false
            })
        #expect(bodies.last?.claim.failure?.reason == .error)
    }

    @Test func `missing ones never come`() async throws {
        try await CallbackReceiver.run { address, stream in
            try await RunningSimulator.run([.callbackMissing: 1000]) { simulator async throws in
                _ = await simulator.client.submit(.test(nonce: "n-silent", callbacks: address))
                // A second task that does call back: when it has, the first would have too.
                _ = try await RunningSimulator.send(
                    "POST", simulator.address + "/admin/knobs", body: "{\"callback_missing\":0}")
                try await simulator.advance(seconds: 86_400)
                _ = await simulator.client.submit(.test(nonce: "n-loud", callbacks: address))
                try await simulator.advance(seconds: 86_400)
                var iterator = stream.makeAsyncIterator()
                for _ in 0..<3 { #expect(await iterator.next()?.nonce == "n-loud") }
                #expect(try await simulator.stats().callbacks_sent == 3)
            }
        }
    }

    @Test func `a receiver that is not there does not stop the others`() async throws {
        try await CallbackReceiver.run { address, stream in
            try await RunningSimulator.run { simulator async throws in
                for index in 0..<20 { _ = await simulator.client.submit(.test(nonce: "dead-\(index)")) }
                _ = await simulator.client.submit(.test(nonce: "alive", callbacks: address))
                try await simulator.advance(seconds: 86_400)
                var iterator = stream.makeAsyncIterator()
                for _ in 0..<3 { #expect(await iterator.next()?.nonce == "alive") }
            }
        }
    }
}

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
