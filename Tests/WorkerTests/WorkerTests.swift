import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Workers as programs, against the provider's simulator.
@Suite(.serialized) struct WorkerTests {
    /// How often the worker is killed: `DAYBOOK_WORKER_KILLS` sets another number, `DAYBOOK_WORKER_SEED` the seed.
    private static let kills = Int(ProcessInfo.processInfo.environment["DAYBOOK_WORKER_KILLS"] ?? "") ?? 50
    private static let seed = UInt64(ProcessInfo.processInfo.environment["DAYBOOK_WORKER_SEED"] ?? "") ?? 1

    /// Every fault that leaves a doubt whether the provider took a task, now and then.
    private static let faults = [
        "seed=7", "accept_then_drop=40", "accept_then_error=30", "accept_garbage=20", "error_before_accepting=20",
        "too_many_requests=20", "retry_after_seconds=5", "refuse=10", "input_moderation=10", "output_moderation=20",
        "error=20", "stall=10", "callback_missing=200", "callback_duplicate=100", "callback_out_of_order=100",
        "callback_forged=50", "poll_error=20", "not_found_seconds=5",
    ]

    @Test func `a worker killed at random instants loses nothing and pays for nothing twice`() async throws {
        let credits: Int64 = 20_000
        try await EngineRig.run(credits: credits, knobs: Self.faults) { rig in
            let models = (0..<500).map { $0 % 10 == 0 ? VideoModel.veoFlash : .sora2 }
            let batchID = try await rig.create(models)
            var random = SeededRandom(seed: Self.seed)
            for _ in 0..<Self.kills {
                try await rig.work(killAfter: Double(Int.random(in: 30...900, using: &random)) / 1000)
            }
            let worker = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 240)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            try await Self.expectWhole(rig, batchID, credits: credits, tasks: 500)
        }
    }

    /// Everything that must hold at the end, whatever happened.
    private static func expectWhole(_ rig: EngineRig, _ batchID: String, credits: Int64, tasks: Int64) async throws {
        let comment = "seed \(seed), \(kills) kills"
        let states = try await rig.states()
        let ended: Set<String> = ["succeeded", "failed", "timed_out"]
        #expect(Set(states.keys).isSubset(of: ended), "\(comment): \(states)")
        #expect(states.values.reduce(0, +) == tasks)
        // At the provider: at most one accepted task for each of ours, and each of them has a row.
        let taskByNonce = try await rig.query { session in
            let rows = try session.query(
                "SELECT encode(nonce, 'hex') AS nonce, task_id::text AS task FROM daybook.submission")
            return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.text("nonce"), try $0.text("task")) })
        }
        let accepted = try rig.acceptedNonces()
        let owners = accepted.compactMap { taskByNonce[$0] }
        #expect(owners.count == accepted.count, "\(comment): the provider took tasks that have no row")
        #expect(Set(owners).count == owners.count, "\(comment): the provider was asked twice for one task")
        // A killed worker leaves submissions of which nobody knows, and what is unknown holds places at the gate.
        #expect(accepted.count > 250, "\(comment): the provider took only \(accepted.count) tasks")
        // And in the books.
        let row = try await rig.query { session in
            try session.query(
                """
                SELECT b.frozen, b.spent, b.refunded, w.permanent_credits::bigint AS wallet,
                    (SELECT sum(remaining) FROM daybook.lot)::bigint AS lots,
                    (SELECT sum(credits_delta) FROM public.credit_ledger)::bigint AS ledger,
                    (SELECT sum(cost) FROM daybook.task WHERE state = 'succeeded')::bigint AS succeeded,
                    (SELECT count(*) FROM public.video_tasks WHERE status NOT IN ('succeeded', 'failed'))::bigint AS open,
                    (SELECT count(*) FROM public.video_external_access_log WHERE action = 'generate')::bigint AS generated
                FROM daybook.batch AS b JOIN public.credit_wallet AS w ON w.user_id = b.user_id
                """)[0]
        }
        let (frozen, spent, refunded) = (try row.int("frozen"), try row.int("spent"), try row.int("refunded"))
        #expect(frozen == spent + refunded, "\(comment)")
        #expect(try row.int("succeeded") == spent && row.int("open") == 0, "\(comment)")
        #expect(try row.int("wallet") == credits - spent && row.int("lots") == credits - spent, "\(comment)")
        #expect(try row.int("ledger") == credits - spent, "\(comment)")
        #expect(try row.int("generated") == states["succeeded"] ?? 0, "\(comment)")
    }

    @Test func `where the answer was lost, what true callbacks name is bound, and what forged ones name is not`()
        async throws
    {
        // Forged ones come first, under the right nonce: a task that never was, and an early success.
        let knobs = ["seed=11", "accept_then_drop=1000", "callback_forged=1000"]
        try await EngineRig.run(credits: 1_000, knobs: knobs) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 6))
            let worker = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 120)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            #expect(try await rig.states() == ["succeeded": 6])
            let strangers = try await rig.query { session in
                try session.query(
                    "SELECT count(*) AS n FROM daybook.provider_hint WHERE outcome IN ('heard', 'denied')")[0].int("n")
            }
            #expect(strangers == 6)
            #expect(Set(try rig.acceptedNonces()).count == 6)
        }
    }

    @Test func `a worker that is asked to stop leaves its tasks to the next one`() async throws {
        try await EngineRig.run(credits: 10_000, knobs: ["seed=3"]) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 60))
            let first = try await rig.startWorker()
            #expect(await first.stop() == 0, "\(first.errors)")
            let workers = try await rig.query {
                try $0.query("SELECT state FROM daybook.worker").map { try $0.text("state") }
            }
            #expect(workers == ["stopped"])
            let second = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 120)
            #expect(await second.stop() == 0, "\(second.errors)")
            #expect(try await rig.states() == ["succeeded": 60])
        }
    }

    @Test func `a spool that cannot be read stops no worker, adds no rows of workers, and is kept`() async throws {
        try await EngineRig.run(credits: 1_000, knobs: ["seed=3"]) { rig in
            let spool = rig.folder.file("spool")
            try FileManager.default.createDirectory(
                atPath: spool, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            let line = "not-a-customer \(String(repeating: "0a", count: 16)) task-1\n"
            _ = try rig.folder.write(line, to: "spool/answers-1-1.log")
            let batchID = try await rig.create(Array(repeating: .sora2, count: 5))
            let worker = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 60)
            let workers = try await rig.query { try $0.query("SELECT count(*) AS n FROM daybook.worker")[0].int("n") }
            #expect(workers == 1)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: spool) == ["answers-1-1.log.aside"])
            #expect(try String(contentsOfFile: spool + "/answers-1-1.log.aside", encoding: .utf8) == line)
            #expect(worker.errors.contains(spool + "/answers-1-1.log.aside"), "\(worker.errors)")
        }
    }

    @Test func `the report on what only the engine wrote keeps every promise but latency`() async throws {
        // Faults that the provider answers for; none that a report lists as set aside.
        let knobs = ["seed=5", "accept_then_drop=30", "output_moderation=40", "error=40", "too_many_requests=30"]
        try await EngineRig.run(credits: 50_000, knobs: knobs) { rig in
            try await execute(
                """
                INSERT INTO daybook.account (
                    user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd, contract_profile)
                VALUES ('\(rig.userID)', 'one', 'One', 'prepaid', 'USD', 'UTC', 90, 100, 'standard')
                """, in: rig.settings)
            let models: [VideoModel] = (0..<120).map { [.sora2, .sora2, .veoFlash, .veoPro][$0 % 4] }
            let batchID = try await rig.create(models)
            let cancelled = try await rig.create(Array(repeating: .veoPro, count: 80), requestID: "to be cancelled")
            let worker = try await rig.startWorker()
            let userID = rig.userID
            _ = try await rig.query { session in
                try session.transaction { try Batches(session, of: userID).cancel(cancelled) }
            }
            try await rig.waitUntilSettled(batchID, seconds: 200)
            try await rig.waitUntilSettled(cancelled, seconds: 200)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            let month = try await rig.query { session in
                try session.query(
                    "SELECT to_char(min(created_at) AT TIME ZONE 'UTC', 'YYYY-MM') AS month FROM public.batch_jobs")[0]
                    .text("month")
            }
            let output = rig.folder.file("report")
            try await ProgramRun.expectingSuccess(
                [
                    "report", "sla", "--month", month, "--format", "csv", "--output", output, "--database",
                    Deployment.conninfo(rig.settings),
                ])
            let promises = try Self.rows(output + "/sla-\(month)/promises.csv")
            for row in promises where !["completion", "availability", "webhook_delivery"].contains(row[0]) {
                #expect(row[6] == "100.0000" && row[7] == "pass", "\(row)")
            }
            #expect(promises.contains { $0[0] == "auto_refund" && $0[5] == "2" })
            #expect(try Self.rows(output + "/sla-\(month)/exceptions.csv").isEmpty)
        }
    }

    /// The rows of a CSV file without commas in its fields, without the header.
    private static func rows(_ path: String) throws -> [[String]] {
        try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\r\n").dropFirst().filter {
            !$0.isEmpty
        }
        .map { $0.components(separatedBy: ",") }
    }
}

/// A worker on a database in which somebody planted functions and operators under every name that our SQL uses.
@Suite(.serialized) struct PlantedTests {
    @Test func `a worker calls nothing that was planted`() async throws {
        try await EngineRig.run(credits: 1000, knobs: ["error=300"], planted: true) { rig in
            let worker = try await rig.startWorker()
            let batchID = try await rig.create(Array(repeating: .sora2, count: 12))
            try await rig.waitUntilSettled(batchID, seconds: 60)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            #expect(try PlantedNames.called(in: rig.settings).isEmpty)
        }
    }
}
