import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Workers as programs while the provider refuses everything, and when it is there again.
@Suite(.serialized) struct OutageTests {
    private struct Stats: Decodable {
        let submissions: Int64
    }

    /// Submissions that two workers send at once, by their defaults.
    private static let slots: Int64 = 2 * 32

    private static func ask(_ rig: EngineRig, _ path: String, _ body: String? = nil) async throws -> Data {
        let run = try await ProgramRun(
            ["-s", "-f", "-m", "20"] + (body.map { ["-d", $0] } ?? []) + [rig.simulator.firstLine + path],
            program: "/usr/bin/curl")
        #expect(run.exitCode == 0, "\(path): \(run.errors)")
        return Data(run.output.utf8)
    }

    /// Waits until the gate of sora-2 has been closed so often in a row, and gives how often that is.
    private static func waitForClosings(_ count: Int64, _ rig: EngineRig) async throws -> Int64 {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let closings = try await rig.query { session in
                // The server takes its time, so that nobody sleeps here.
                try session.query(
                    "SELECT closings, pg_sleep(0.1)::text FROM daybook.model_gate WHERE model = 'sora-2'")[0]
                    .int("closings")
            }
            if closings >= count { return closings }
        }
        throw TestSupportError("The gate was not closed \(count) times within a minute.")
    }

    @Test(arguments: ["too_many_requests", "unauthorized"])
    func `an outage costs the provider a probe now and then and the customer nothing`(knob: String) async throws {
        let credits: Int64 = 10_000
        try await EngineRig.run(credits: credits, knobs: ["seed=3", "\(knob)=1000"]) { rig in
            let batchID = try await rig.create(Array(repeating: .sora2, count: 300))
            let workers = [try await rig.startWorker(), try await rig.startWorker()]
            _ = try await Self.waitForClosings(6, rig)
            let stats = try JSONDecoder().decode(Stats.self, from: try await Self.ask(rig, "/admin/stats"))
            let closings = try await Self.waitForClosings(6, rig)
            // What was under way at first, four failures before the fifth, and a probe for each time that it opened.
            #expect(stats.submissions <= Self.slots + 4 + closings, "\(stats.submissions) for \(closings) closings")
            #expect(try await rig.states().keys.allSatisfy { $0 == "ready" || $0 == "intent" })
            let during = try await rig.query { session in
                try session.query(
                    """
                    SELECT b.frozen, b.spent, b.refunded, w.permanent_credits::bigint AS wallet
                    FROM daybook.batch AS b JOIN public.credit_wallet AS w ON w.user_id = b.user_id
                    """)[0]
            }
            #expect(try during.int("frozen") == 3000 && during.int("wallet") == credits - 3000)
            #expect(try during.int("spent") == 0 && during.int("refunded") == 0)

            _ = try await Self.ask(rig, "/admin/knobs", "{\"\(knob)\": 0}")
            try await rig.waitUntilSettled(batchID, seconds: 120)
            for worker in workers { #expect(await worker.stop() == 0, "\(worker.errors)") }
            #expect(workers.contains { $0.errors.contains("a gate is closed") })
            #expect(try await rig.states() == ["succeeded": 300])
            let accepted = try rig.acceptedNonces()
            #expect(Set(accepted).count == 300 && accepted.count == 300)
            let gate = try await rig.query { session in
                try session.query("SELECT closings, failures FROM daybook.model_gate WHERE model = 'sora-2'")[0]
            }
            #expect(try gate.int("closings") == 0 && gate.int("failures") == 0)
        }
    }
}
