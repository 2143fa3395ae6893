import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport

/// The whole engine as programs: the provider's simulator, the API for its callbacks, and workers to be started and
/// killed. An hour of the engine is a minute.
struct EngineRig: Sendable {
    static let rate = 60
    static let key = "sk-test"

    let settings: ConnectionSettings
    let userID: String
    let folder: ScratchFolder
    /// The folder of the store of videos, where there is one.
    let store: String?
    /// The options of a store in a bucket, where that is it.
    let bucket: [String]
    let simulator: RunningProgram
    let server: RunningProgram

    /// Runs the body with everything but a worker, which is stopped afterwards.
    static func run(
        credits: Int64, knobs: [String], planted: Bool = false, store: String? = nil, bucket: [String] = [],
        _ body: (EngineRig) async throws -> Void
    ) async throws {
        try await withEngine { settings in
            try await run(
                on: settings, credits: credits, knobs: knobs, planted: planted, store: store, bucket: bucket, body)
        }
    }

    /// Runs the body on a database of the whole system; the programs reach it by `reached`, where that is given.
    static func run(
        on plain: ConnectionSettings, reached: ConnectionSettings? = nil, credits: Int64, knobs: [String],
        planted: Bool = false, store: String? = nil, bucket: [String] = [], _ body: (EngineRig) async throws -> Void
    ) async throws {
        var settings = plain
        try await execute(
            """
            INSERT INTO daybook.test_clock (rate, origin, anchor)
            VALUES (\(rate), now() - interval '12 hours', now())
            """, in: settings)
        let userID = try await TestCustomer.create(in: settings, purchased: credits)
        if planted {
            _ = try await PlantedNames.plant(in: settings)
            settings.nameLookup = .system
        }
        settings = reached ?? settings
        let folder = try ScratchFolder()
        let simulator = try await RunningProgram.start(
            ["--port", "0", "--time-scale", "\(rate)", "--key", key, "--journal", folder.file("journal")]
                + knobs.flatMap { ["--knob", $0] },
            program: RunningProgram.path("grsai-simulator"))
        let server = try await RunningProgram.start(
            ["serve", "--port", "0", "--database", Deployment.conninfo(settings)] + bucket + storeOptions(store),
            program: RunningProgram.path("daybookd"), environment: TestBucket.environment)
        let rig = EngineRig(
            settings: settings, userID: userID, folder: folder, store: store, bucket: bucket, simulator: simulator,
            server: server)
        try await body(rig)
        _ = await server.stop()
        _ = await simulator.stop()
    }

    /// Runs a worker until it is killed after so many seconds.
    func work(killAfter: Double) async throws {
        _ = try await ProgramRun(
            workerArguments, program: RunningProgram.path("daybookd"), environment: Self.environment,
            killAfter: killAfter)
    }

    /// A worker that goes on until it is stopped.
    func startWorker() async throws -> RunningProgram {
        try await RunningProgram.start(
            workerArguments, program: RunningProgram.path("daybookd"), environment: Self.environment)
    }

    private var workerArguments: [String] {
        [
            "work", "--provider", simulator.firstLine, "--callback-base", server.firstLine, "--spool",
            folder.file("spool"), "--database", Deployment.conninfo(settings),
        ] + bucket + Self.storeOptions(store)
    }

    private static let environment = TestBucket.environment.merging(["GRSAI_API_KEY": key]) { own, _ in own }

    private static func storeOptions(_ store: String?) -> [String] { store.map { ["--store", $0] } ?? [] }

    /// Creates a batch, and gives its id.
    func create(_ models: [VideoModel], requestID: String = "the batch") async throws -> String {
        let request = BatchRequest(
            requestID: requestID, items: models.enumerated().map { BatchItem(model: $1, prompt: "item \($0)") })
        let userID = userID
        let outcome = try await query { session in
            try Batches(session, of: userID).create(
                request, by: nil, from: RequestOrigin(endpoint: "/batches", address: nil, userAgent: nil))
        }
        guard case .created(let summary, _) = outcome else { throw TestSupportError("\(outcome)") }
        return summary.batchID
    }

    func query<Result: Sendable>(_ body: @Sendable (Session) throws -> Result) async throws -> Result {
        let connection = try await Connection.open(settings)
        do {
            let result = try await connection.run(body)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Waits until a batch is settled, on the database's own word.
    func waitUntilSettled(_ batchID: String, seconds: Int64) async throws {
        let userID = userID
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            let isSettled = try await query { session in
                // The server takes its time, so that nobody sleeps here.
                try session.query(
                    """
                    SELECT settled_at IS NOT NULL AS is_settled, pg_sleep(0.2)::text
                    FROM daybook.batch WHERE user_id = $1 AND batch_id = $2
                    """, [.uuid(userID), .uuid(batchID)])[0].bool("is_settled")
            }
            if isSettled { return }
        }
        throw TestSupportError("The batch was not settled within \(seconds) seconds: \(try await states())")
    }

    /// How many tasks are in each state.
    func states() async throws -> [String: Int64] {
        let rows = try await query { try $0.query("SELECT state, count(*) AS n FROM daybook.task GROUP BY state") }
        return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.text("state"), try $0.int("n")) })
    }

    /// What the provider took, by the nonce of its submission, as its journal says.
    func acceptedNonces() throws -> [String] {
        let text = try String(contentsOfFile: folder.file("journal"), encoding: .utf8)
        return try text.split(separator: "\n").map { line in
            let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard let nonce = entry?["nonce"] as? String else { throw TestSupportError("no nonce in \(line)") }
            return nonce
        }
    }
}
