import BatchEngine
import Domain
import Postgres
import TestSupport
import Testing

/// What a provider renders after its deadline is noted by whoever works then, and never charged.
@Suite(.serialized) struct LateSuccessTests {
    @Test func `late successes are noted by a worker that began after the one that gave the tasks up was gone`()
        async throws
    {
        // Rendered some 20 seconds after they were taken, and given up after two.
        let knobs = ["seed=3", "sora2_p50_seconds=1200", "sora2_p95_seconds=1200"]
        try await EngineRig.run(credits: 100, knobs: knobs) { rig in
            try await execute("UPDATE daybook.model_gate SET deadline_seconds = 120", in: rig.settings)
            let batchID = try await rig.create(Array(repeating: .sora2, count: 4))
            let first = try await rig.startWorker()
            try await rig.waitUntilSettled(batchID, seconds: 60)
            #expect(await first.stop() == 0, "\(first.errors)")
            #expect(try await rig.states() == ["timed_out": 4])
            func late() async throws -> Int64 {
                try await rig.query { session in
                    // The server takes its time, so that nobody sleeps here.
                    try session.query(
                        """
                        SELECT count(*) AS n, pg_sleep(0.2)::text FROM daybook.submission
                        WHERE late_success_at IS NOT NULL
                        """)[0].int("n")
                }
            }
            #expect(try await late() == 0)
            let second = try await rig.startWorker()
            let deadline = ContinuousClock.now + .seconds(60)
            while try await late() < 4, ContinuousClock.now < deadline {}
            #expect(try await late() == 4)
            #expect(await second.stop() == 0, "\(second.errors)")
            // All of it went back, and stays there.
            let wallet = try await rig.query {
                try $0.query("SELECT permanent_credits::bigint AS n FROM public.credit_wallet")[0].int("n")
            }
            #expect(wallet == 100)
            let run = try await ProgramRun(
                ["exposure", "--format", "csv", "--database", Deployment.conninfo(rig.settings)])
            #expect(run.exitCode == 0 && run.output.split(separator: "late_success").count == 5, "\(run.output)")
        }
    }
}
