import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// What counts as frozen for a batch of the old application: what really left the wallet for it.
@Suite struct FreezeProofTests {
    private static let user = "11111111-2222-3333-4444-555555555555"
    private static let batch = "aaaaaaaa-0000-0000-0000-000000000001"
    private static let other = "aaaaaaaa-0000-0000-0000-000000000002"

    private static let customer = """
        INSERT INTO public.users (id) VALUES ('\(user)');
        INSERT INTO public.credit_wallet (user_id, permanent_credits, bonus_credits) VALUES ('\(user)', 1000, 40);
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
        VALUES ('\(batch)', '\(user)', 'processing', 5, 10), ('\(other)', '\(user)', 'processing', 5, 10)
        """
    private static let take = "UPDATE public.credit_wallet SET permanent_credits = permanent_credits - 50;"

    private static func row(_ batch: String = batch, _ credits: Int = 50, meta: String = "{}") -> String {
        """
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta)
        VALUES ('\(user)', 'spend', 'sora-2', -\(credits), 'batch_upfront', '\(batch)', '\(meta)');
        """
    }

    /// A part of a transaction of its own, as a function with an exception handler has it.
    private static func part(_ sql: String, undone: Bool = false) -> String {
        "SAVEPOINT part; \(sql) \(undone ? "ROLLBACK TO SAVEPOINT part;" : "RELEASE SAVEPOINT part;")"
    }

    private func withCustomer(_ body: @Sendable (Session) throws -> Void) async throws {
        try await withConnection { connection in
            _ = try await Migrator().migrate(connection)
            try await connection.run { session in
                try session.executeScript(Self.customer)
                try body(session)
            }
        }
    }

    private func finalize(_ spent: Int64, batch: String = batch, _ session: Session) throws -> String {
        try session.query(
            "SELECT public.finalize_batch_credits($1, $2, $3::integer)::text AS answer",
            [.uuid(batch), .uuid(Self.user), .int(spent)])[0].text("answer")
    }

    private func freeze(_ amount: Int64, _ session: Session) throws -> String {
        try session.query(
            "SELECT public.freeze_credits_for_batch($1, $2, $3::integer)::text AS answer",
            [.uuid(Self.batch), .uuid(Self.user), .int(amount)])[0].text("answer")
    }

    /// Purchased and bonus credits in the wallet, and what the lots hold.
    private func money(_ session: Session) throws -> [Int64] {
        let row = try session.query(
            """
            SELECT permanent_credits::bigint AS purchased, bonus_credits::bigint AS bonus,
                (SELECT sum(remaining) FROM daybook.lot)::bigint AS lots
            FROM public.credit_wallet
            """)[0]
        return [try row.int("purchased"), try row.int("bonus"), try row.int("lots")]
    }

    private func answer(frozen: Int, spent: Int, refund: Int) -> String {
        #"{"ok": true, "spent": \#(spent), "frozen": \#(frozen), "refund": \#(refund), "already": false}"#
    }

    @Test(arguments: [0, 20, 50] as [Int64])
    func `a row that somebody wrote into the ledger does not become credit, and its caller goes on`(
        spent: Int64
    ) async throws {
        try await withCustomer { session in
            try session.executeScript(Self.row())
            #expect(try finalize(spent, session) == answer(frozen: 0, spent: 0, refund: 0))
            #expect(try money(session) == [1000, 40, 1040])
            #expect(try finalize(spent, session).contains(#""already": true"#))
            #expect(try money(session) == [1000, 40, 1040])
        }
    }

    @Test func `a refund that somebody takes back in the ledger alone is not given again`() async throws {
        try await withCustomer { session in
            try session.executeScript("BEGIN; \(Self.take) \(Self.row()) COMMIT")
            try session.executeScript(
                """
                BEGIN;
                UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 50;
                \(Self.row().replacing("batch_upfront", with: "batch_refund").replacing("-50", with: "50")
                    .replacing("'spend'", with: "'refund'"))
                COMMIT
                """)
            let before = try money(session)
            try session.executeScript(
                Self.row().replacing("batch_upfront", with: "batch_refund").replacing("'spend'", with: "'refund'"))
            #expect(try finalize(0, session) == answer(frozen: 50, spent: 0, refund: 50))
            #expect(try money(session)[0] == before[0])
        }
    }

    @Test func `a row that somebody wrote into the ledger does not pay for a batch either`() async throws {
        try await withCustomer { session in
            try session.executeScript(Self.row())
            #expect(try freeze(50, session) == #"{"ok": true, "frozen": 50, "already": false}"#)
            #expect(try money(session) == [990, 0, 990])
            #expect(try finalize(0, session) == answer(frozen: 50, spent: 0, refund: 50))
            #expect(try money(session) == [1000, 40, 1040])
        }
    }

    /// What an application's transaction does, in the orders and with the savepoints that it may have.
    @Test(arguments: [
        take + row(), row() + take, part(take) + row(), part(row()) + take, take + part(row()), row() + part(take),
        part(take) + part(row()), part(row()) + part(take), part(part(take) + row()),
        take + part(take, undone: true) + row(),
    ])
    func `credit that left in the transaction of the row comes back, whatever the order`(sql: String) async throws {
        try await withCustomer { session in
            try session.executeScript("BEGIN; \(sql) COMMIT")
            #expect(try money(session) == [950, 40, 990])
            #expect(try finalize(20, session) == answer(frozen: 50, spent: 20, refund: 30))
            #expect(try money(session) == [980, 40, 1020])
        }
    }

    @Test(arguments: [
        // Undone, in another transaction, another customer's, or not the wallet's loss at all.
        "BEGIN; \(part(take, undone: true)) \(row()) COMMIT", "\(row()) COMMIT; \(take) COMMIT",
        "BEGIN; \(take) COMMIT; BEGIN; \(row()) COMMIT",
        "BEGIN; UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 50; \(row()) COMMIT",
    ])
    func `what did not leave in the transaction of the row does not come back`(sql: String) async throws {
        try await withCustomer { session in
            try session.executeScript(sql)
            let before = try money(session)
            #expect(try finalize(0, session) == answer(frozen: 0, spent: 0, refund: 0))
            #expect(try money(session) == before)
        }
    }

    @Test func `what left once comes back once, to the batch that is settled first`() async throws {
        try await withCustomer { session in
            try session.executeScript("BEGIN; \(Self.take) \(Self.row()) \(Self.row(Self.other)) COMMIT")
            #expect(try finalize(50, session) == answer(frozen: 50, spent: 50, refund: 0))
            #expect(try finalize(0, batch: Self.other, session) == answer(frozen: 0, spent: 0, refund: 0))
            #expect(try money(session) == [950, 40, 990])
        }
    }

    @Test func `a row counts as far as the wallet lost, and its caller goes on`() async throws {
        try await withCustomer { session in
            try session.executeScript("BEGIN; \(Self.take) \(Self.row(Self.batch, 80)) COMMIT")
            #expect(try freeze(80, session) == #"{"ok": true, "frozen": 50, "already": true}"#)
            #expect(try finalize(70, session) == answer(frozen: 50, spent: 50, refund: 0))
            #expect(try money(session) == [950, 40, 990])
        }
    }

    @Test func `credit goes back to the lots that it came from, whatever the row calls it`() async throws {
        try await withCustomer { session in
            // As the old function froze: bonus first, and marked so that ours would take it for purchased.
            try session.executeScript(
                """
                BEGIN; UPDATE public.credit_wallet SET bonus_credits = 0, permanent_credits = 990;
                \(Self.row(Self.batch, 40, meta: #"{"use_bonus": true}"#)) \(Self.row(Self.batch, 10)) COMMIT
                """)
            let lots = "SELECT count(*) AS n FROM daybook.lot"
            let before = try session.query(lots)[0].int("n")
            #expect(try finalize(20, session) == answer(frozen: 50, spent: 20, refund: 30))
            #expect(try session.query(lots)[0].int("n") == before)
            // Bonus was drawn first, so the purchased credit comes back first.
            #expect(try money(session) == [1000, 20, 1020])
        }
    }

    @Test func `what was open when the engine came is what it wrote down, and nothing that came later`() async throws {
        let versions: [Migration] = Migration.all
        for isUpgrade in [false, true] {
            try await withConnection { connection in
                // The service's own tables with or without the engine of the version before.
                let before = versions.filter {
                    $0.version <= 13 && (isUpgrade || $0.part != .engine && $0.version < 12)
                }
                _ = try await Migrator(migrations: before).migrate(connection)
                try await connection.run { session in
                    try session.executeScript("\(Self.customer); \(Self.row())")
                }
                let after = versions.filter { isUpgrade || $0.part != .service || $0.version < 12 }
                _ = try await Migrator(migrations: after).migrate(connection)
                try await connection.run { session in
                    // The same batch and another one, forged after the engine came.
                    try session.executeScript("\(Self.row(Self.batch, 500)) \(Self.row(Self.other, 500))")
                    #expect(try finalize(20, session) == answer(frozen: 50, spent: 20, refund: 30))
                    #expect(try finalize(0, batch: Self.other, session) == answer(frozen: 0, spent: 0, refund: 0))
                    #expect(try money(session) == [1030, 40, 1070])
                }
            }
        }
    }
}
