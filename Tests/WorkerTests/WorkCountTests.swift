import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// What workers count is what became of the work, and Prometheus is told of it.
@Suite struct WorkCountTests {
    private static let knobs = [
        "seed=5", "too_many_requests=200", "retry_after_seconds=5", "refuse=150", "error=100", "output_moderation=150",
        "accept_then_drop=100", "poll_error=50",
    ]

    /// Samples of `/metrics` by their name with labels.
    private func metrics(_ rig: EngineRig) async throws -> [String: Double] {
        let run = try await ProgramRun(
            ["-s", "-f", "-m", "20", rig.server.firstLine + "/metrics"], program: "/usr/bin/curl")
        #expect(run.exitCode == 0, "\(run.errors)")
        let folder = try ScratchFolder()
        let check = try await ProgramRun(
            ["check", "metrics"], program: "/usr/bin/promtool", input: try folder.write(run.output, to: "m.prom"))
        #expect(check.exitCode == 0 && check.errors.isEmpty, "\(check.errors)")
        return run.output.split(separator: "\n").filter { !$0.hasPrefix("#") }.reduce(into: [:]) { samples, line in
            guard let space = line.lastIndex(of: " ") else { return }
            samples[String(line[..<space])] = Double(line[line.index(after: space)...])
        }
    }

    @Test func `answers by kind and the wait of ends for their books are counted over all workers`() async throws {
        try await EngineRig.run(credits: 10_000, knobs: Self.knobs) { rig in
            for name in ["first", "second"] {
                let batchID = try await rig.create(Array(repeating: .sora2, count: 60), requestID: name)
                let worker = try await rig.startWorker()
                try await rig.waitUntilSettled(batchID, seconds: 120)
                #expect(await worker.stop() == 0, "\(worker.errors)")
            }
            let samples = try await metrics(rig)
            func answers(_ call: String, _ kind: String) -> Double? {
                samples["daybook_provider_answers_total{call=\"\(call)\",kind=\"\(kind)\",model=\"sora-2\"}"]
            }
            let row = try await rig.query { session in
                try session.query(
                    """
                    SELECT count(*) FILTER (WHERE provider_task_id IS NOT NULL AND NOT is_hinted) AS accepted,
                        (SELECT count(*) FROM public.video_tasks WHERE failure_type = 'param_error'
                            AND failure_reason = 'error') AS rejected,
                        (SELECT count(*) FROM public.video_tasks WHERE status = 'succeeded') AS succeeded,
                        (SELECT count(*) FROM public.video_tasks WHERE failure_reason = 'output_moderation') AS moderated,
                        (SELECT count(*) FROM daybook.provider_hint WHERE outcome = 'bound') AS bound
                    FROM daybook.submission
                    """)[0]
            }
            let counted = ["accepted", "rejected", "busy", "unknown", "account"].map { answers("submission", $0) }
            #expect(counted[0] == Double(try row.int("accepted")), "\(samples)")
            #expect(counted[1] == Double(try row.int("rejected")) && counted[1] ?? 0 > 0, "\(samples)")
            #expect(counted[2] ?? 0 > 0 && counted[3] ?? 0 > 0 && counted[4] == 0, "\(counted)")
            // A callback has a task asked for again whose end is being booked: then it is told twice.
            #expect(answers("status", "succeeded") ?? 0 >= Double(try row.int("succeeded")), "\(samples)")
            #expect(answers("status", "moderated") ?? 0 >= Double(try row.int("moderated")), "\(samples)")
            #expect(try row.int("moderated") > 0)
            #expect(answers("status", "running") ?? 0 > 0 && answers("status", "unreadable") ?? 0 > 0)
            #expect(samples["daybook_callbacks_total{outcome=\"bound\"}"] == Double(try row.int("bound")))
            #expect(try row.int("bound") > 0)

            // Each end that a poll found was booked, in time, and is in each class of what took at least as long.
            let ended = 120 - Double(try row.int("rejected"))
            let buckets = ["0.010", "0.100", "1.000", "10.000", "600.000", "+Inf"].map {
                samples["daybook_settle_seconds_bucket{le=\"\($0)\",model=\"sora-2\"}"] ?? -1
            }
            #expect(buckets == buckets.sorted() && buckets[0] >= 0 && buckets[3] == ended, "\(buckets) of \(ended)")
            #expect(samples["daybook_settle_seconds_count{model=\"sora-2\"}"] == ended)
            #expect(samples["daybook_settle_seconds_sum{model=\"sora-2\"}"] ?? 100 < ended)
            #expect(samples["daybook_settle_seconds_count{model=\"veo-pro\"}"] == 0)
        }
    }
}
