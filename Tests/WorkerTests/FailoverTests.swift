import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// `daybookd work` while its database takes no changes, and when it does again: the same process all the while.
@Suite(.serialized) struct FailoverTests {
    /// Waits until a worker has said so on standard error.
    private static func wait(for words: String, _ worker: RunningProgram, _ settings: ConnectionSettings) async throws {
        let connection = try await Connection.open(settings)
        let deadline = ContinuousClock.now + .seconds(20)
        while !worker.errors.contains(words), ContinuousClock.now < deadline {
            // The server takes its time, so that nobody sleeps here.
            try await connection.run { try $0.execute("SELECT pg_sleep(0.05)") }
        }
        await connection.close()
        #expect(worker.errors.contains(words), "\(worker.errors)")
    }

    private static func expectAllPaid(_ rig: EngineRig, tasks: Int64) async throws {
        #expect(try await rig.states() == ["succeeded": tasks])
        // Nothing was submitted twice.
        let accepted = try rig.acceptedNonces()
        #expect(Set(accepted).count == accepted.count && accepted.count == Int(tasks))
    }

    @Test func `a worker whose database is made read-only goes on when it takes changes again`() async throws {
        try await EngineRig.run(credits: 10_000, knobs: ["seed=3"]) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 30))
            let worker = try await rig.startWorker()
            let name = try #require(rig.settings.options["dbname"])
            var writable = rig.settings
            writable.options["options"] = "-c default_transaction_read_only=off"
            try await execute("ALTER DATABASE \(name) SET default_transaction_read_only = on", in: writable)
            // Sessions that are there go on as they began: the worker's are ended, as a restart would.
            try await execute(
                """
                SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """, in: writable)
            try await Self.wait(for: "takes no changes now", worker, rig.settings)
            try await execute("ALTER DATABASE \(name) RESET default_transaction_read_only", in: writable)
            try await rig.waitUntilSettled(batchID, seconds: 60)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            try await Self.expectAllPaid(rig, tasks: 30)
        }
    }

    @Test func `a worker goes on with the standby when that is promoted`() async throws {
        let primary = try TestCluster(hbaLines: StandbyPair.admission)
        let settings = try await TestDatabase.create(in: primary).settings
        try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
        let pair = try StandbyPair(of: primary)
        let either = pair.onEither(settings)
        try await EngineRig.run(on: settings, reached: either, credits: 10_000, knobs: ["seed=3"]) { rig in
            let worker = try await rig.startWorker()
            let batchID = try await rig.create(Array(repeating: .sora2, count: 30))
            try await pair.catchUp()
            try pair.primary.stop()
            try await Self.wait(
                for: "run this on the primary, by naming it with --database or DATABASE_URL.", worker,
                pair.onStandby(settings))
            try pair.standby.promote()
            try await rig.waitUntilSettled(batchID, seconds: 60)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            try await Self.expectAllPaid(rig, tasks: 30)
        }
        try pair.standby.stop()
    }
}
