import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// `freeze_credits_for_batch` and `finalize_batch_credits` as callers of the old application know them.
@Suite struct OldCallerTests {
    private static let user = "11111111-2222-3333-4444-555555555555"
    private static let batch = "aaaaaaaa-0000-0000-0000-000000000001"

    /// A database with one customer, who has 1,000 purchased credits and 40 of bonus, and a batch of the old application.
    private func withBatch(costPerVideo: Int = 10, _ body: @Sendable (Session) throws -> Void) async throws {
        try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            try await connection.run { session in
                try session.executeScript(
                    """
                    INSERT INTO public.users (id) VALUES ('\(Self.user)');
                    INSERT INTO public.credit_wallet (user_id, permanent_credits, bonus_credits) VALUES ('\(Self.user)', 1000, 40);
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
                    VALUES ('\(Self.batch)', '\(Self.user)', 'queued', 5, \(costPerVideo))
                    """)
                try body(session)
            }
        }
    }

    private func freeze(_ amount: Int64?, _ session: Session, user: String = user) throws -> String {
        try session.query(
            "SELECT public.freeze_credits_for_batch($1, $2, $3::integer)::text AS answer",
            [.uuid(Self.batch), .uuid(user), amount.map { .int($0) } ?? .null])[0].text("answer")
    }

    private func finalize(_ spent: Int64, _ session: Session) throws -> String {
        try session.query(
            "SELECT public.finalize_batch_credits($1, $2, $3::integer)::text AS answer",
            [.uuid(Self.batch), .uuid(Self.user), .int(spent)])[0].text("answer")
    }

    /// Purchased and bonus credits in the wallet, and what lots and ledger say of them.
    private func money(_ session: Session) throws -> [Int64] {
        let row = try session.query(
            """
            SELECT permanent_credits::bigint AS purchased, bonus_credits::bigint AS bonus,
                (SELECT sum(remaining) FROM daybook.lot)::bigint AS lots,
                (SELECT coalesce(sum(credits_delta), 0) FROM public.credit_ledger)::bigint AS ledger
            FROM public.credit_wallet
            """)[0]
        return [try row.int("purchased"), try row.int("bonus"), try row.int("lots"), try row.int("ledger")]
    }

    private func state(_ body: () throws -> Void) throws -> String? {
        do {
            try body()
            return nil
        } catch let error as PostgresError {
            return error.sqlState?.rawValue
        }
    }

    @Test func `a freeze takes bonus first, and again says already`() async throws {
        try await withBatch { session in
            #expect(try freeze(50, session) == #"{"ok": true, "frozen": 50, "already": false}"#)
            #expect(try money(session) == [990, 0, 990, -50])
            #expect(try freeze(50, session) == #"{"ok": true, "frozen": 50, "already": true}"#)
            #expect(try money(session) == [990, 0, 990, -50])
            let rows = try session.query("SELECT credits_delta, ref_type, ref_id FROM public.credit_ledger ORDER BY id")
            #expect(try rows.map { try $0.int("credits_delta") } == [-40, -10])
            #expect(
                try rows.allSatisfy { try $0.text("ref_type") == "batch_upfront" && $0.text("ref_id") == Self.batch })
        }
    }

    @Test func `another amount, a wrong owner and too little credit raise, and change nothing`() async throws {
        try await withBatch { session in
            #expect(try state { _ = try freeze(2000, session) } == "DB402")
            #expect(try state { _ = try freeze(50, session, user: "99999999-2222-3333-4444-555555555555") } == "DB404")
            #expect(try money(session) == [1000, 40, 1040, 0])
            _ = try freeze(50, session)
            #expect(try state { _ = try freeze(60, session) } == "DB409")
            #expect(try money(session) == [990, 0, 990, -50])
        }
    }

    @Test(arguments: [0, -5, nil] as [Int64?])
    func `an amount of nothing is skipped`(amount: Int64?) async throws {
        try await withBatch { (session: Session) throws in
            #expect(try freeze(amount, session) == #"{"ok": true, "skipped": true}"#)
            #expect(try money(session) == [1000, 40, 1040, 0])
        }
    }

    @Test func `bonus never pays for veo-pro, which the price names where there is no task yet`() async throws {
        try await withBatch(costPerVideo: 250) { session in
            _ = try freeze(1000, session)
            #expect(try money(session) == [0, 40, 40, -1000])
        }
    }

    @Test func `a price that no model has is the default model's, which bonus pays for`() async throws {
        try await withBatch(costPerVideo: 77) { session in
            #expect(try state { _ = try freeze(1041, session) } == "DB402")
            _ = try freeze(770, session)
            #expect(try money(session) == [270, 0, 270, -770])
        }
    }

    @Test func `what an application's batch spent is honoured within what it froze`() async throws {
        try await withBatch { session in
            _ = try freeze(50, session)
            let answer = #"{"ok": true, "spent": 20, "frozen": 50, "refund": 30, "already": "#
            #expect(try finalize(20, session) == answer + "false}")
            // Ten came from the purchased lot, which was drawn last; the rest goes back to the bonus.
            #expect(try money(session) == [1000, 20, 1020, -20])
            #expect(try finalize(20, session) == answer + "true}")
            #expect(try finalize(50, session) == answer + "true}")
            #expect(try money(session) == [1000, 20, 1020, -20])
            let status = try session.query("SELECT settlement_status FROM public.batch_jobs")[0]
            #expect(try status.text("settlement_status") == "finalized")
        }
    }

    @Test func `what an application gave back before it stopped is not given back again`() async throws {
        try await withBatch { session in
            try session.executeScript(
                """
                BEGIN;
                UPDATE public.credit_wallet SET permanent_credits = permanent_credits - 100;
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id)
                VALUES ('\(Self.user)', 'spend', -100, 'batch_upfront', '\(Self.batch)');
                COMMIT;
                UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 60;
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id)
                VALUES ('\(Self.user)', 'refund', 60, 'batch_refund', '\(Self.batch)')
                """)
            #expect(
                try finalize(30, session)
                    == #"{"ok": true, "spent": 30, "frozen": 100, "refund": 70, "already": false}"#)
            #expect(try money(session) == [970, 40, 1010, -30])
            #expect(try finalize(30, session).contains(#""already": true"#))
        }
    }

    @Test func `a batch that was never frozen is settled with nothing`() async throws {
        try await withBatch { (session: Session) throws in
            // Whatever the caller says was spent: it goes on, and the delivery is found unpaid.
            #expect(try finalize(30, session).contains(#""ok": true, "spent": 0, "frozen": 0, "refund": 0"#))
            #expect(try money(session) == [1000, 40, 1040, 0])
        }
    }

    @Test func `the ledger refuses to be altered, by anybody`() async throws {
        try await withBatch { session in
            _ = try freeze(50, session)
            for sql in [
                "UPDATE public.credit_ledger SET credits_delta = 0", "DELETE FROM public.credit_ledger",
                "TRUNCATE public.credit_ledger", "DELETE FROM public.users", "DELETE FROM daybook.entry",
            ] {
                let refused = try state { try session.executeScript(sql) }
                #expect(refused == "DB001" || refused == "23503", "\(sql)")
            }
        }
    }

    @Test func `a change of the wallet by somebody else becomes a lot, or a draw from the lots`() async throws {
        try await withBatch { session in
            try session.executeScript("UPDATE public.credit_wallet SET permanent_credits = 1500")
            try session.executeScript("UPDATE public.credit_wallet SET permanent_credits = 200, bonus_credits = 60")
            let lots = try session.query("SELECT kind, remaining FROM daybook.lot WHERE remaining > 0 ORDER BY lot_id")
            #expect(
                try lots.map { try "\($0.text("kind")) \($0.int("remaining"))" } == [
                    "bonus 40", "purchased 200", "bonus 20",
                ])
            _ = try freeze(100, session)
            #expect(try money(session) == [160, 0, 160, -100])
        }
    }

    @Test func `default privileges let nobody in`() async throws {
        try await withConnection { connection in
            let role = "stranger_\(UUID().uuidString.lowercased().filter { $0 != "-" })"
            try await connection.run { session in
                try session.executeScript(
                    "CREATE ROLE \(role); ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO \(role)")
            }
            _ = try await Migrator().migrate(connection)
            let mayCall = try await connection.run { session in
                let row = try session.query(
                    """
                    SELECT has_function_privilege($1, 'public.freeze_credits_for_batch(uuid, uuid, integer)', 'EXECUTE')
                        OR has_function_privilege($1, 'public.finalize_batch_credits(uuid, uuid, integer)', 'EXECUTE') AS may
                    """, [.text(role)])[0]
                try session.executeScript(
                    "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON FUNCTIONS FROM \(role); DROP OWNED BY \(role); DROP ROLE \(role)"
                )
                return try row.bool("may")
            }
            #expect(!mayCall)
        }
    }

    @Test func `nobody but the service may call them`() async throws {
        try await withBatch { session in
            let role = "stranger_\(UUID().uuidString.lowercased().filter { $0 != "-" })"
            try session.executeScript("CREATE ROLE \(role); SET ROLE \(role)")
            let refused = try state { _ = try freeze(10, session) }
            try session.executeScript("RESET ROLE; DROP ROLE \(role)")
            #expect(refused == "42501")
        }
    }
}
