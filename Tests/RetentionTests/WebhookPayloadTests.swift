import Domain
import Foundation
import Postgres
import TestSupport
import Testing

/// Messages about batches, who was told and how it went: deleted when they are due, all of it or nothing.
@Suite struct WebhookPayloadTests {
    private static let owner = "00000000-0000-0000-0000-00000000000a"
    private static let stranger = "00000000-0000-0000-0000-00000000000c"
    private static let held = "20000000-0000-0000-0000-000000000005"

    /// Seven messages of 100 days ago and one of 200. Of the account, with 30 days: two that are due, one whose
    /// delivery still is, one whose batch is not settled, one that was sent again five days ago, one of a batch to be
    /// held. Of somebody without an account, with 180 days: one of each age.
    private static let rows = """
        INSERT INTO public.users (id) VALUES ('\(owner)'), ('\(stranger)');
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
            contract_profile)
        VALUES ('\(owner)', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard');
        CREATE TEMPORARY TABLE message AS
        SELECT m.number, m.owner::uuid AS user_id,
            ('10000000-0000-0000-0000-00000000000' || m.number)::uuid AS event_id,
            ('20000000-0000-0000-0000-00000000000' || m.batch)::uuid AS batch_id, m.batch, m.days
        FROM (VALUES (1, '\(owner)', 1, 100), (2, '\(owner)', 1, 100), (3, '\(owner)', 2, 100), (4, '\(owner)', 3, 100),
            (5, '\(owner)', 4, 100), (6, '\(owner)', 5, 100), (7, '\(stranger)', 6, 100), (8, '\(stranger)', 7, 200)
        ) AS m (number, owner, batch, days);
        INSERT INTO daybook.batch (user_id, batch_id, owner, created_at, settled_at)
        SELECT DISTINCT user_id, batch_id, 'engine', now() - interval '201 days',
            CASE WHEN batch <> 3 THEN now() - interval '99 days' END FROM message;
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, settlement_status)
        VALUES ('\(held)', '\(owner)', 'completed', 0, 10, 'finalized');
        INSERT INTO daybook.webhook_event (user_id, event_id, batch_id, event, number, body, told_at)
        SELECT user_id, event_id, batch_id, 'batch.refunded', number, '{"body":"' || number || '"}',
            now() - make_interval(days => days) FROM message;
        INSERT INTO daybook.webhook_delivery (
            user_id, event_id, endpoint_id, url, state, attempts, next_attempt_at, ended_at)
        SELECT user_id, event_id, '30000000-0000-0000-0000-000000000001', 'https://hooks.example/"x"',
            CASE number WHEN 3 THEN 'due' WHEN 4 THEN 'failed' ELSE 'delivered' END, 2,
            CASE number WHEN 3 THEN now() + interval '1 hour' END,
            CASE number WHEN 3 THEN NULL WHEN 5 THEN now() - interval '5 days'
                ELSE now() - make_interval(days => days) + interval '1 second' END
        FROM message WHERE number <> 2;
        INSERT INTO daybook.webhook_attempt (
            user_id, event_id, endpoint_id, attempted_at, status, milliseconds, address, failure)
        SELECT user_id, event_id, endpoint_id, coalesce(ended_at, now()) - n * interval '30 seconds', 503, 7 + n,
            '192.0.2.1', CASE n WHEN 1 THEN 'it said "no",' || E'\\n' || 'twice' END
        FROM daybook.webhook_delivery, generate_series(0, 1) AS n
        """

    private func withMessages(_ body: (Purging) async throws -> Void) async throws {
        try await withDatabase { settings in
            let purging = try Purging(settings)
            try await ProgramRun.expectingSuccess(["database", "migrate"] + purging.database)
            try await execute(Self.rows, in: settings)
            try await body(purging)
        }
    }

    private func contents(_ purging: Purging) async throws -> [String] {
        try await purging.lines(
            """
            SELECT to_jsonb(e)::text FROM daybook.webhook_event AS e
            UNION ALL SELECT to_jsonb(d)::text FROM daybook.webhook_delivery AS d
            UNION ALL SELECT to_jsonb(a)::text FROM daybook.webhook_attempt AS a ORDER BY 1
            """)
    }

    private func left(_ purging: Purging) async throws -> String {
        try await purging.lines(
            """
            SELECT string_agg(right(event_id::text, 1), ' ' ORDER BY event_id) FROM daybook.webhook_event AS e
            WHERE NOT EXISTS (SELECT FROM daybook.webhook_delivery AS d WHERE NOT EXISTS (
                SELECT FROM daybook.webhook_event AS k WHERE k.user_id = d.user_id AND k.event_id = d.event_id))
                AND NOT EXISTS (SELECT FROM daybook.webhook_attempt AS a WHERE NOT EXISTS (
                SELECT FROM daybook.webhook_event AS k WHERE k.user_id = a.user_id AND k.event_id = a.event_id))
            """)[0]
    }

    private func hold(_ purging: Purging) async throws {
        let run = try await purging.retention(
            ["hold", "add", "--batch", Self.held, "--matter", "m", "--requested-by", "counsel"])
        #expect(run.exitCode == 0, "\(run.errors)")
    }

    @Test func `what is due goes with its deliveries and attempts, and an archive brings all of it back`()
        async throws
    {
        try await withMessages { purging in
            try await hold(purging)
            let plan = try await PlanFile(purging.settings, [])
            let own = try plan.row(account: "one", dataClass: "webhook_payload")
            #expect(own["action"] == "delete" && own["due_rows"] == "2" && own["held_rows"] == "1", "\(own)")
            #expect(own["kept_rows"] == "1" && own["retention_days"] == "30", "\(own)")
            let others = try plan.row(account: "", dataClass: "webhook_payload")
            #expect(others["due_rows"] == "1" && others["kept_rows"] == "1", "\(others)")
            let before = try await contents(purging)

            let run = try await purging.purge(date: [])
            #expect(run.exitCode == 0, "\(run.output)\(run.errors)")
            #expect(try await left(purging) == "3 4 5 6 7")
            #expect(try purging.archivedRows() == 3)
            #expect(try await PlanFile(purging.settings, []).sum("due_rows") == 0)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)\(verified.errors)")
            let certificate = try String(
                contentsOfFile: purging.certificates + "/certificate-000001.json", encoding: .utf8)
            #expect(certificate.contains("webhook_payload"))

            let restored = try await purging.retention(
                [
                    "restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates,
                ])
            #expect(restored.exitCode == 0, "\(restored.output)\(restored.errors)")
            #expect(try await contents(purging) == before)
        }
    }

    @Test func `a contract may keep them longer, and what is sent again meanwhile stays`() async throws {
        try await withMessages { purging in
            let policy = try await purging.retention(
                [
                    "policy", "set", "--class", "webhook_payload", "--days", "120", "--account", "one", "--reason",
                    "clause 7",
                ])
            #expect(policy.exitCode == 0, "\(policy.errors)")
            let own = try await PlanFile(purging.settings, []).row(account: "one", dataClass: "webhook_payload")
            #expect(own["due_rows"] == "0" && own["retention_days"] == "120", "\(own)")
            // Between the look at a message and its end it was asked for again: nothing of it goes.
            await #expect(throws: PostgresError.self) {
                try await execute(
                    """
                    DELETE FROM daybook.webhook_event WHERE event_id = '10000000-0000-0000-0000-000000000003'
                    """, in: purging.settings)
            }
            #expect(try await left(purging) == "1 2 3 4 5 6 7 8")
        }
    }

    @Test func `an erasure takes an account's, and names what it is owed`() async throws {
        try await withMessages { purging in
            try await hold(purging)
            let run = try await purging.retention(
                [
                    "erase", "--account", "one", "--yes", "--quiet", "--no-archive", "--reason", "asked",
                    "--requested-by", "counsel", "--certificates", purging.certificates,
                ])
            #expect(run.exitCode == 2, "\(run.output)\(run.errors)")
            for words in ["1 rows of webhook_payload are held", "2 rows of webhook_payload are of tasks that run"] {
                #expect((run.output + run.errors).contains(words), "\(words): \(run.output)\(run.errors)")
            }
            #expect(try await left(purging) == "3 4 6 7 8")
            let story = try await purging.retention(["show", "one"])
            #expect(story.exitCode == 0 && story.output.contains("webhook_payload"), "\(story.output)\(story.errors)")
        }
    }
}
