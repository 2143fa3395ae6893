import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// The deployment's own `finalize_batch_credits` against the engine's, over many inputs: what was answered is answered.
@Suite struct FinalizeDifferenceTests {
    private static let fixture = Deployment.root + "/Tests/Oracle/deployed/deployment.sql"
    private static let owner = "11111111-2222-3333-4444-555555555555"
    private static let other = "22222222-2222-3333-4444-555555555555"
    private static let batch = "aaaaaaaa-0000-0000-0000-000000000001"
    private static let unknown = "aaaaaaaa-0000-0000-0000-000000000009"
    private static let row = """
        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id)
        VALUES ('\(owner)',
        """

    /// How the batch came to be where it is, and the credits that it really froze.
    private static let pasts: [(sql: String, frozen: Int64)] = [
        ("SELECT 1", 0),
        ("SELECT public.freeze_credits_for_batch('\(batch)', '\(owner)', 50)", 50),
        ("SELECT public.freeze_before('\(batch)', '\(owner)', 50)", 50),
        ("UPDATE public.batch_jobs SET frozen_credits = 50", 0),
        ("\(row) 'spend', -50, 'batch_upfront', '\(batch)')", 0),
        ("\(row) 'refund', 20, 'batch_refund', '\(batch)')", 0),
        ("UPDATE public.batch_jobs SET settlement_status = 'finalized', credits_spent = 50", 0),
        ("SELECT public.finalize_batch_credits('\(batch)', '\(owner)', 30)", 0),
    ]
    private static let spents = ["NULL", "-5", "0", "20", "50", "51", "2147483647"]

    /// A deployment with the engine, which keeps its own functions under other names.
    private func withBothFunctions(_ body: @Sendable (Session) throws -> Void) async throws {
        try await withDatabase { settings in
            try await Deployment.load(file: Self.fixture, into: settings)
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                try session.executeScript(
                    """
                    DO $$ BEGIN
                        EXECUTE replace(
                            pg_get_functiondef('public.finalize_batch_credits(uuid,uuid,integer)'::regprocedure),
                            'public.finalize_batch_credits', 'public.finalize_before');
                        EXECUTE replace(
                            pg_get_functiondef('public.freeze_credits_for_batch(uuid,uuid,integer)'::regprocedure),
                            'public.freeze_credits_for_batch', 'public.freeze_before');
                    END $$;
                    INSERT INTO public.users (id, google_id, email)
                    VALUES ('\(Self.owner)', 'a', 'a@example.org'), ('\(Self.other)', 'b', 'b@example.org');
                    INSERT INTO public.credit_wallet (user_id, permanent_credits, bonus_credits)
                    VALUES ('\(Self.owner)', 500, 40)
                    """)
            }
            _ = try await Migrator(withEngine: true).migrate(connection)
            try await connection.run { session in
                try session.executeScript(
                    """
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
                    VALUES ('\(Self.batch)', '\(Self.owner)', 'processing', 5, 10)
                    """)
                try body(session)
            }
            await connection.close()
        }
    }

    /// What a statement answers, nil where it raises; what was done before stays.
    private func answer(_ sql: String, _ session: Session) throws -> String? {
        try session.executeScript("SAVEPOINT call")
        do {
            return try session.query("SELECT (\(sql))::text AS answer")[0].text("answer")
        } catch is PostgresError {
            try session.executeScript("ROLLBACK TO SAVEPOINT call")
            return nil
        }
    }

    /// The owner's wallet, the lots, and what the batch was charged by its own record.
    private func money(_ session: Session) throws -> (wallet: Int64, lots: Int64, charged: Int64) {
        let row = try session.query(
            """
            SELECT (SELECT sum(permanent_credits + bonus_credits)::bigint FROM public.credit_wallet) AS wallet,
                (SELECT sum(remaining)::bigint FROM daybook.lot) AS lots,
                (SELECT coalesce(sum(frozen - refunded), 0)::bigint FROM daybook.batch) AS charged
            """)[0]
        return (try row.int("wallet"), try row.int("lots"), try row.int("charged"))
    }

    @Test func `what finalize answered before, it answers now, and the books say what is true`() async throws {
        try await withBothFunctions { session in
            var compared = 0
            for past in Self.pasts {
                for batch in ["'\(Self.batch)'", "'\(Self.unknown)'", "NULL"] {
                    for user in ["'\(Self.owner)'", "'\(Self.other)'", "NULL"] {
                        for spent in Self.spents {
                            try session.executeScript("BEGIN; \(past.sql); SAVEPOINT before")
                            let arguments = "(\(batch), \(user), \(spent))"
                            let old = try answer("public.finalize_before\(arguments)", session)
                            try session.executeScript("ROLLBACK TO SAVEPOINT before")
                            let was = try money(session)
                            let new = try answer("public.finalize_batch_credits\(arguments)", session)
                            let what = "\(past.sql), then \(arguments): \(old ?? "raised"), now \(new ?? "raised")"
                            #expect(old == nil || new != nil, "\(what)")
                            let now = try money(session)
                            #expect(now.wallet == now.lots, "\(what)")
                            if batch == "'\(Self.batch)'", user == "'\(Self.owner)'" {
                                let asked = Int64(spent) ?? 0
                                let due = min(max(asked, 0), past.frozen)
                                #expect(now.charged == due && now.wallet == 540 - due, "\(what)")
                                let again = try answer("public.finalize_batch_credits\(arguments)", session)
                                #expect(again?.contains(#""already": true"#) == true, "\(what)")
                                let late = "public.freeze_credits_for_batch(\(batch), \(user), 50)"
                                #expect(try past.frozen == 50 || answer(late, session) != nil, "\(what)")
                            } else {
                                #expect(new == #"{"ok": false, "error": "BATCH_NOT_FOUND"}"#, "\(what)")
                                #expect(now.wallet == was.wallet, "\(what)")
                            }
                            #expect(try money(session).wallet == now.wallet, "\(what)")
                            try session.executeScript("ROLLBACK")
                            compared += 1
                        }
                    }
                }
            }
            #expect(compared == 504)
        }
    }

    /// The models of the batch's tasks, and what of 20 credits bonus pays.
    @Test(
        arguments: [
            (["sora-2-pro"], 20), ([nil], 20), ([""], 20), (["veo-pro"], 0), (["sora-2-pro", nil], 20),
            (["veo-pro", nil], 10), (["veo-pro", "kling", nil], 10),
        ] as [([String?], Int64)])
    func `bonus pays for everything but veo-pro, and a model that the ledger does not know is kept beside it`(
        models: [String?], bonus: Int64
    ) async throws {
        try await withBothFunctions { session in
            for model in models {
                try session.execute(
                    """
                    INSERT INTO public.video_tasks (user_id, batch_job_id, model, prompt)
                    VALUES ($1, $2, $3, 'a paper boat')
                    """, [.uuid(Self.owner), .uuid(Self.batch), model.map { .text($0) } ?? .null])
            }
            try session.executeScript("SELECT public.freeze_credits_for_batch('\(Self.batch)', '\(Self.owner)', 20)")
            let row = try session.query("SELECT bonus_credits::bigint AS bonus FROM public.credit_wallet")[0]
            #expect(try row.int("bonus") == 40 - bonus)
            let rows = try session.query(
                """
                SELECT coalesce(model, '') AS model, coalesce(meta ->> 'model', '') AS kept, credits_delta
                FROM public.credit_ledger
                """)
            #expect(try rows.reduce(0) { try $0 + $1.int("credits_delta") } == -20)
            let known = ["", "sora-2", "veo-flash", "veo-pro"]
            for row in rows {
                #expect(try known.contains(row.text("model")))
                #expect(try row.text("kept").isEmpty || !known.contains(row.text("kept")))
            }
            if models.count == 1, let model = models[0], !known.contains(model) {
                #expect(try rows.allSatisfy { try $0.text("model").isEmpty && $0.text("kept") == model })
            }
            try session.executeScript("SELECT public.finalize_batch_credits('\(Self.batch)', '\(Self.owner)', 0)")
            let after = try money(session)
            #expect(after.wallet == 540 && after.lots == 540)
        }
    }
}
