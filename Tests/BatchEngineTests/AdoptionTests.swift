import BatchEngine
import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Taking over batches of an application: each becomes the engine's as a whole, or stays as it is with a reason.
@Suite struct AdoptionTests {
    @Test func `a queued batch is run as if it had come over the API, frozen before or now`() async throws {
        try await DeployedService.run { service in
            let frozen = try service.batch("queued", ["pending", "pending"], frozen: true)
            let unfrozen = try service.batch("queued", ["pending", "pending", "pending"])
            #expect(try service.money() == [1000, 20, 1020, 1020])
            for batchID in [frozen, unfrozen] { #expect(try service.takeOver(batchID).outcome == "adopted") }
            // The first keeps its one freeze, the second got one: the bonus that was left, and purchased credit.
            #expect(try service.money() == [990, 0, 990, 990])
            #expect(try service.state(unfrozen) == "processing 0 0 30 0 pending")
            try service.work()
            #expect(try service.state(frozen) == "partial 1 1 20 10 finalized")
            #expect(try service.state(unfrozen) == "partial 2 1 30 20 finalized")
            // What failed goes back where it came from.
            #expect(try service.money() == [1000, 10, 1010, 1010])
            for batchID in [frozen, unfrozen] { #expect(try service.takeOver(batchID).outcome == "engine") }
        }
    }

    @Test func `a stuck batch goes on from where it stands, and nothing is handed over twice`() async throws {
        try await DeployedService.run { service in
            let tasks = ["succeeded:g1", "failed:g2", "processing:g3", "processing", "pending", "pending:g5"]
            let batchID = try service.batch("processing", tasks, frozen: true)
            #expect(try service.takeOver(batchID).outcome == "adopted")
            let states = ["succeeded", "failed", "accepted", "unknown", "ready", "accepted"]
            #expect(try service.engineStates(batchID) == states)
            // What the provider has is asked for under the id that the application was told.
            let queue = WorkQueue(service.session)
            let worker = try queue.register(host: "test", processID: 1)
            let asked = try service.session.transaction { try queue.adopt(worker, limit: 10) }
            #expect(Set(asked.map(\.providerTaskID)) == ["g3", "g5"])
            let taken = try service.session.transaction {
                try queue.claim(worker, model: .sora2, limit: 10, chunk: 10)
            }
            #expect(taken.map(\.taskID) == [try service.taskIDs(batchID)[4]])
            // The application means upright by no ratio.
            #expect(taken.map(\.aspectRatio) == ["9:16"])
        }
    }

    @Test func `what nobody knows of ends by the deadline that it would have had, and is refunded`() async throws {
        try await DeployedService.run { service in
            let batchID = try service.batch("processing", ["processing", "succeeded:g1"], frozen: true)
            _ = try service.takeOver(batchID)
            #expect(try service.engineStates(batchID) == ["unknown", "succeeded"])
            try service.work()
            #expect(try service.engineStates(batchID) == ["failed", "succeeded"])
            #expect(try service.state(batchID) == "partial 1 1 20 10 finalized")
            #expect(try service.money() == [1000, 30, 1030, 1030])
        }
    }

    @Test func `a batch of which nothing is open is settled at once, each credit to its lot`() async throws {
        try await DeployedService.run { service in
            let batchID = try service.batch(
                "processing", ["succeeded:g1", "failed:g2", "failed"], cost: 20, frozen: true)
            #expect(try service.money() == [980, 0, 980, 980])
            let (outcome, _) = try service.takeOver(batchID, quietSeconds: 600)
            #expect(outcome == "settled")
            #expect(try service.state(batchID) == "partial 1 2 60 20 finalized")
            // Twenty were purchased, forty bonus: what was drawn last comes back first, and bonus stays bonus.
            #expect(try service.money() == [1000, 20, 1020, 1020])
        }
    }

    @Test func `bonus that the application let pay for any model pays for none that it must not, where it can`()
        async throws
    {
        try await DeployedService.run { service in
            let batchID = try service.batch(
                "processing", ["pending", "pending"], cost: 40, models: ["veo-pro", "sora-2"])
            // The application's own freeze, which names no model.
            try service.session.executeScript(
                """
                BEGIN;
                UPDATE public.credit_wallet SET permanent_credits = permanent_credits - 40, bonus_credits = 0;
                INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta)
                VALUES ('\(DeployedService.user)', 'spend', 'sora-2', -40, 'batch_upfront', '\(batchID)',
                        '{"use_bonus": true}'),
                    ('\(DeployedService.user)', 'spend', 'sora-2', -40, 'batch_upfront', '\(batchID)', '{}');
                COMMIT
                """)
            #expect(try service.takeOver(batchID).outcome == "adopted")
            let draws = try service.session.query(
                """
                SELECT concat_ws(' ', d.model, l.kind, d.credits) AS draw FROM daybook.draw AS d
                JOIN daybook.lot AS l ON l.user_id = d.user_id AND l.lot_id = d.lot_id WHERE d.batch_id = $1 ORDER BY 1
                """, [.uuid(batchID)]
            ).map { try $0.text("draw") }
            #expect(draws == ["sora-2 bonus 40", "veo-pro purchased 40"])
            try service.work()
            #expect(try service.state(batchID) == "partial 1 1 80 40 finalized")
            #expect(try service.money() == [960, 40, 1000, 1000])
        }
    }

    @Test func `what bonus had paid before the engine came comes back as bonus, under the wallet's expiry`()
        async throws
    {
        try await withDatabase { settings in
            let batchID = "aaaaaaaa-0000-0000-0000-000000000001"
            try await Deployment.load(
                file: Deployment.root + "/Tests/Oracle/deployed/deployment.sql", into: settings)
            try await execute(
                """
                INSERT INTO public.users (id, google_id, email)
                VALUES ('\(DeployedService.user)', 'g', 'a@example.com');
                SELECT public.add_credits_to_wallet('\(DeployedService.user)', 1000, 40, now() + interval '90 days');
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, updated_at)
                VALUES ('\(batchID)', '\(DeployedService.user)', 'processing', 6, 10, now() - interval '1 hour');
                INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, prompt, status)
                SELECT '\(DeployedService.user)', '\(batchID)', n, 'a paper boat', 'failed'
                FROM generate_series(0, 5) AS n;
                SELECT public.freeze_credits_for_batch('\(batchID)', '\(DeployedService.user)', 60)
                """, in: settings)
            try await ProgramRun.expectingSuccess(
                ["database", "migrate", "--engine", "--database", Deployment.conninfo(settings)])
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                let service = DeployedService(session: session)
                let expires = "SELECT bonus_expires_at FROM public.credit_wallet"
                let before = try session.query(expires)[0].instant(0)
                #expect(try service.money() == [980, 0, 980, 980])
                #expect(try service.takeOver(batchID).outcome == "settled")
                #expect(try service.money() == [1000, 40, 1040, 1040])
                #expect(try session.query(expires)[0].instant(0) == before)
            }
            await connection.close()
        }
    }

    @Test func `what cannot be taken over is left as it is, with the reason`() async throws {
        try await DeployedService.run { service in
            let other = try service.batch("processing", ["processing:twice"], frozen: true)
            let batches: [(String, String, Int64)] = [
                (try service.batch("queued", ["pending", "pending"], cost: 5000), "insufficient_credits", 0),
                (try service.batch("queued", ["pending"], total: 2), "incomplete", 0),
                (try service.batch("queued", []), "incomplete", 0),
                (try service.batch("queued", ["pending"], models: ["kling"]), "unknown_model", 0),
                (try service.batch("processing", ["processing:twice"]), "shared_id", 0),
                (try service.batch("processing", ["pending"], quiet: false), "moving", 600),
                (try service.batch("processing", ["processing:g1"], quiet: false), "moving", 600),
                (try service.batch("queued", ["pending"], cost: 0), "no_price", 0),
                (try service.batch("completed", ["succeeded:g2"]), "over", 0),
                (try freezeShort(service), "freeze_short", 0),
                (try settledByTheApplication(service), "settled", 0),
            ]
            let before = try service.everything()
            for (batchID, reason, quiet) in batches {
                let result = try service.takeOver(batchID, quietSeconds: quiet)
                #expect(result.outcome == "left" && result.reason == reason, "\(result), not \(reason)")
            }
            #expect(try service.everything() == before)
            #expect(try service.takeOver(other).reason == "shared_id")
        }
    }

    /// Less is frozen than its tasks cost.
    private func freezeShort(_ service: DeployedService) throws -> String {
        let batchID = try service.batch("processing", ["pending", "pending"])
        _ = try service.freeze(batchID, 15)
        return batchID
    }

    /// Killed between its finalize and the status.
    private func settledByTheApplication(_ service: DeployedService) throws -> String {
        let batchID = try service.batch("processing", ["succeeded:g9"], frozen: true)
        _ = try service.finalize(batchID, 10)
        return batchID
    }

    @Test func `credit that the ledger does not explain is booked once, and bonus stays bonus`() async throws {
        try await DeployedService.withConnections(1) { connections in
            try await connections[0].run { session in
                let service = DeployedService(session: session)
                for _ in 0..<2 { _ = try service.batch("queued", ["pending"]) }
                // A bonus that ran out and was taken out by no row, and credit that came from nowhere.
                try session.execute(
                    """
                    UPDATE public.credit_wallet SET bonus_credits = bonus_credits - 15,
                        permanent_credits = permanent_credits + 100
                    """)
                #expect(try service.money() == [1100, 25, 1125, 1040])
            }
            let report = try await Adoption(.all).run(connections[0])
            #expect(report.unattributed.map { [$0.permanent, $0.bonus] } == [[100, -15]])
            try await connections[0].run { session in
                let service = DeployedService(session: session)
                #expect(try service.money() == [1100, 5, 1105, 1105])
                let rows = try session.query(
                    """
                    SELECT concat_ws(' ', type, credits_delta, meta ->> 'bucket', meta ->> 'author') AS entry
                    FROM public.credit_ledger WHERE ref_type = 'unattributed' ORDER BY id
                    """
                ).map { try $0.text("entry") }
                #expect(rows == ["adjust 100 permanent daybook", "adjust -15 bonus daybook"])
            }
        }
    }

    @Test func `a dispatcher that claims meanwhile waits, and takes no row`() async throws {
        try await DeployedService.withConnections(2) { connections in
            let batchID = try await connections[0].run { session in
                let service = DeployedService(session: session)
                let batchID = try service.batch("queued", ["pending"])
                try session.executeAlone("BEGIN")
                _ = try service.takeOver(batchID)
                return batchID
            }
            async let taken = connections[1].run { session in
                try session.query(
                    """
                    UPDATE public.batch_jobs SET status = 'processing' WHERE id = $1 AND status = 'queued' RETURNING id
                    """, [.uuid(batchID)]
                ).count
            }
            try await DeployedService.waitUntilWaiting(1, connections[0])
            try await connections[0].run { try $0.executeAlone("COMMIT") }
            #expect(try await taken == 0)
        }
    }

    @Test func `a batch that a dispatcher claims meanwhile is its own`() async throws {
        try await DeployedService.withConnections(2) { connections in
            let batchID = try await connections[0].run { session in
                let batchID = try DeployedService(session: session).batch("queued", ["pending"])
                try session.executeScript(
                    """
                    BEGIN;
                    UPDATE public.batch_jobs SET status = 'processing', updated_at = now()
                    WHERE id = '\(batchID)' AND status = 'queued'
                    """)
                return batchID
            }
            async let result = connections[1].run { session in
                try DeployedService(session: session).takeOver(batchID, quietSeconds: 600)
            }
            try await DeployedService.waitUntilWaiting(1, connections[0])
            try await connections[0].run { try $0.executeAlone("COMMIT") }
            #expect(try await result.reason == "moving")
        }
    }
}
