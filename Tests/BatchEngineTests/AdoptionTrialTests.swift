import BatchEngine
import Domain
import Postgres
import TestSupport
import Testing

/// What a takeover would do, tried out beside those who work.
@Suite struct AdoptionTrialTests {
    @Test func `a trial says what the run will do, and changes nothing`() async throws {
        try await DeployedService.withConnections(1) { connections in
            try await connections[0].run { session in
                let service = DeployedService(session: session)
                _ = try service.batch("queued", ["pending", "pending"], cost: 400)
                // Only one of these can be paid for.
                _ = try service.batch("queued", ["pending"], cost: 200)
                _ = try service.batch("queued", ["pending"], cost: 200)
                _ = try service.batch("processing", ["succeeded:g1", "failed:g2"])
                try session.execute("UPDATE public.credit_wallet SET permanent_credits = permanent_credits - 7")
            }
            func everything() async throws -> [String: String] {
                try await connections[0].run { try DeployedService(session: $0).everything() }
            }
            let before = try await everything()
            let trial = try await Adoption(.all, isTrial: true).run(connections[0])
            #expect(try await everything() == before)
            let run = try await Adoption(.all).run(connections[0])
            #expect(trial.batches == run.batches && trial.unattributed == run.unattributed)
            #expect(run.batches.map(\.outcome.rawValue).sorted() == ["adopted", "adopted", "left", "settled"])
            let again = try await Adoption(.all).run(connections[0])
            #expect(again.batches.map(\.reason) == ["insufficient_credits"] && again.unattributed.isEmpty)
        }
    }

    @Test func `a trial and an application that freezes meanwhile wait for each other, and not in a circle`()
        async throws
    {
        try await DeployedService.withConnections(3) { connections in
            try await connections[0].run { session in
                let service = DeployedService(session: session)
                for _ in 0..<2 { _ = try service.batch("queued", ["pending", "pending"]) }
                try session.executeScript("BEGIN; SELECT 1 FROM public.credit_wallet FOR UPDATE")
            }
            // A circle is broken by nobody: it ends at the bound of the trial's wait, with an error.
            try await connections[1].run { try $0.executeAlone("SET deadlock_timeout = '1h'") }
            async let trial = Adoption(.all, isTrial: true).run(connections[1])
            try await DeployedService.waitUntilWaiting(1, connections[0])
            async let isFrozen = connections[2].run { session in
                try session.query(
                    """
                    SELECT (public.freeze_credits_for_batch(j.id, j.user_id, 20) ->> 'ok')::boolean AS is_frozen
                    FROM (SELECT * FROM public.batch_jobs ORDER BY created_at DESC, id DESC LIMIT 1) AS j
                    """)[0].bool("is_frozen")
            }
            try await DeployedService.waitUntilWaiting(2, connections[0])
            try await connections[0].run { try $0.executeAlone("COMMIT") }
            #expect(try await trial.batches.map(\.outcome.rawValue) == ["adopted", "adopted"])
            #expect(try await isFrozen)
        }
    }
}
