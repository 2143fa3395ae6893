import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// The one expiry that a wallet has for all of its bonus: the application lives by it, the engine by its lots.
@Suite struct BonusExpiryTests {
    private static let fixture = Deployment.root + "/Tests/Oracle/deployed/deployment.sql"
    private static let user = "11111111-2222-3333-4444-555555555555"
    private static let batch = "aaaaaaaa-0000-0000-0000-000000000001"
    private static let base = "timestamptz '2026-10-01T00:00:00Z'"
    private static let days60 = 60 * 86_400

    /// When the grants come: before the engine, after it, or before the engine followed the wallet's expiry.
    enum Takeover: CaseIterable { case both, second, none, older }

    /// A deployment as it lives, with its own functions, one customer and a batch of one video.
    private func withDeployment(_ body: @Sendable (Connection) async throws -> Void) async throws {
        try await withDatabase { settings in
            try await Deployment.load(file: Self.fixture, into: settings)
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                try session.executeScript(
                    """
                    INSERT INTO public.users (id, google_id, email) VALUES ('\(Self.user)', 'g', 'g@example.org');
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
                    VALUES ('\(Self.batch)', '\(Self.user)', 'queued', 1, 10)
                    """)
            }
            try await body(connection)
            await connection.close()
        }
    }

    private func engine(_ connection: Connection, below version: Int64 = .max) async throws {
        let migrations = Migration.all.filter { $0.version < version }
        _ = try await Migrator(migrations: migrations, withEngine: true).migrate(connection)
        try await connection.run { session in
            try session.executeScript(
                """
                INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (0, \(Self.base), clock_timestamp())
                ON CONFLICT DO NOTHING
                """)
        }
    }

    /// The application's grant, which extends all of the wallet's bonus.
    private func grant(_ credits: Int, seconds: Int, _ connection: Connection) async throws {
        try await connection.run { session in
            try session.executeScript(
                """
                SELECT public.add_credits_to_wallet(
                    '\(Self.user)', 0, \(credits), \(Self.base) + interval '\(seconds) seconds')
                """)
        }
    }

    private func wait(_ seconds: Int, _ session: Session) throws {
        try session.executeScript("UPDATE daybook.test_clock SET origin = \(Self.base) + interval '\(seconds) seconds'")
        while try session.query("SELECT daybook.expire_credit() AS more")[0].bool("more") {}
    }

    /// Bonus in the wallet and in the lots.
    private func bonus(_ session: Session) throws -> [Int64] {
        let row = try session.query(
            """
            SELECT bonus_credits::bigint AS wallet,
                (SELECT coalesce(sum(remaining), 0)::bigint FROM daybook.lot WHERE kind = 'bonus') AS lots
            FROM public.credit_wallet
            """)[0]
        return [try row.int("wallet"), try row.int("lots")]
    }

    private func freeze(_ credits: Int, _ session: Session) throws {
        try session.executeScript(
            "SELECT public.freeze_credits_for_batch('\(Self.batch)', '\(Self.user)', \(credits))")
    }

    @Test(arguments: Takeover.allCases)
    func `a grant that extends saves the bonus that would have expired`(takeover: Takeover) async throws {
        try await withDeployment { connection in
            if takeover == .none { try await engine(connection) }
            if takeover == .older { try await engine(connection, below: 20) }
            try await grant(50, seconds: 2, connection)
            if takeover == .second { try await engine(connection) }
            try await grant(20, seconds: Self.days60, connection)
            try await engine(connection)
            try await connection.run { session in
                try freeze(10, session)
                #expect(try bonus(session) == [60, 60])
                try wait(10, session)
                #expect(try bonus(session) == [60, 60])
                let wallet = try session.query(
                    """
                    SELECT bonus_expires_at = \(Self.base) + interval '60 days' AS is_so FROM public.credit_wallet
                    """)
                #expect(try wallet[0].bool("is_so"))
                try wait(Self.days60, session)
                #expect(try bonus(session) == [0, 0])
            }
        }
    }

    @Test func `bonus that a batch holds follows too, and comes back alive`() async throws {
        try await withDeployment { connection in
            try await engine(connection)
            try await grant(50, seconds: 2, connection)
            try await connection.run { try freeze(50, $0) }
            try await grant(20, seconds: Self.days60, connection)
            try await connection.run { session in
                try wait(10, session)
                try session.executeScript("SELECT public.finalize_batch_credits('\(Self.batch)', '\(Self.user)', 0)")
                #expect(try bonus(session) == [70, 70])
            }
        }
    }

    @Test func `random histories of grants, expiries and time lead where a small model says`() async throws {
        try await withDeployment { connection in
            try await engine(connection)
            try await connection.run { session in
                for seed in SeedRange("DAYBOOK_EXPIRIES", standard: 1...200).seeds {
                    var history = BonusHistory(seed: UInt64(seed), base: Self.base)
                    try history.begin(session)
                    for _ in 0..<12 { try history.step(session) }
                    #expect(history.differences.isEmpty, "seed \(seed): \(history.differences)")
                }
            }
        }
    }
}
