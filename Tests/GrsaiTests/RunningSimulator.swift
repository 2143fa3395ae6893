import AsyncHTTPClient
import BatchEngine
import Domain
import Foundation
import Grsai
import GrsaiSimulator
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// A simulator of one test's own, in this process, and a client that speaks to it.
struct RunningSimulator: Sendable {
    let address: String
    let client: GrsaiClient

    /// Starts both, runs the test, ends both.
    ///
    /// - Parameter timeScale: 0 stands still; `advance` moves it.
    static func run<Result: Sendable>(
        _ changes: [Knob: Int64] = [:], preset: Knobs = .calm, timeScale: Int64 = 0, journal: String? = nil,
        submissionSeconds: Int64 = 20, _ test: @escaping @Sendable (RunningSimulator) async throws -> Result
    ) async throws -> Result {
        let settings = try SimulatorSettings(
            timeScale: timeScale, knobs: try preset.setting(changes), journal: journal)
        let (addresses, announce) = AsyncStream<String>.makeStream()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let simulator = Simulator(settings: settings, logger: logger) { announce.yield($0) }
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: simulator, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup)
                ], logger: logger))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { announce.finish() }
                try await group.run()
            }
            var first = addresses.makeAsyncIterator()
            guard let address = await first.next() else {
                try await tasks.waitForAll()
                throw TestFailure("The simulator ended before it listened.")
            }
            let client = try GrsaiClient(
                settings: GrsaiSettings(
                    baseURL: address, key: SimulatorSettings.standardKey, connectSeconds: 5,
                    submissionSeconds: submissionSeconds))
            let outcome: Swift.Result<Result, any Error>
            do { outcome = .success(try await test(RunningSimulator(address: address, client: client))) } catch {
                outcome = .failure(error)
            }
            try await client.shutdown()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return try outcome.get()
        }
    }

    /// What the simulator counted.
    func stats() async throws -> Stats { try await get("/admin/stats") }

    /// Every task that it took.
    func tasks() async throws -> [Task] {
        let page: Page = try await get("/admin/tasks")
        return page.tasks
    }

    /// Moves the simulated clock.
    func advance(seconds: Int64) async throws {
        _ = try await Self.send("POST", address + "/admin/clock", body: "{\"advance_seconds\":\(seconds)}")
    }

    func get<Value: Decodable>(_ path: String) async throws -> Value {
        let (status, body) = try await Self.send("GET", address + path)
        guard status == 200 else { throw TestFailure("\(path) answers \(status)") }
        return try JSONDecoder().decode(Value.self, from: Data(body))
    }

    /// One request and its answer.
    static func send(
        _ method: String, _ url: String, key: String? = nil, body: String? = nil
    ) async throws -> (status: Int, body: [UInt8]) {
        var request = HTTPClientRequest(url: url)
        request.method = .init(rawValue: method)
        if let key { request.headers.add(name: "Authorization", value: "Bearer " + key) }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        return (Int(response.status.code), Array(try await response.body.collect(upTo: 1_000_000).readableBytesView))
    }

    struct Stats: Decodable {
        let submissions: Int
        let accepted: Int
        let refused: [String: Int]
        let untold: [String: Int]
        let polls: Int
        let callbacks_sent: Int
        let callbacks_delivered: Int
        let earlier: Int
        let duplicates: Int
        let never_polled: Int
        let credits_left: Int64
    }

    struct Task: Decodable, Sendable {
        let id: String
        let model: String
        let web_hook: String?
        let nonce: String?
        let answered: String?
        let outcome: String?
        let earlier: Bool
    }

    private struct Page: Decodable {
        let tasks: [Task]
    }
}

extension ProviderRequest {
    /// A request as the engine makes them.
    static func test(
        _ model: VideoModel = .sora2, prompt: String = "a red kite over the sea", seconds: Int64 = 10,
        nonce: String? = nil, callbacks: String = "http://127.0.0.1:9/callbacks/"
    ) -> ProviderRequest {
        ProviderRequest(
            model: model, prompt: prompt, referenceURL: nil, aspectRatio: "16:9", durationSeconds: seconds,
            size: "small", callbackURL: nonce.map { callbacks + $0 })
    }
}

extension SubmissionAnswer {
    var acceptedID: String? {
        guard case .accepted(let id) = self else { return nil }
        return id
    }

    var refusal: Refusal? {
        guard case .refused(let refusal) = self else { return nil }
        return refusal
    }

    var isUnknown: Bool {
        guard case .unknown = self else { return false }
        return true
    }
}

extension ProviderStatus {
    var isUnreadable: Bool {
        guard case .unreadable = self else { return false }
        return true
    }

    var failure: Failure? {
        guard case .failed(let failure) = self else { return nil }
        return failure
    }
}

/// A test that cannot go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
