import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// What somebody with few rights could try in order to make credit.
@Suite struct MintingTests {
    private static let user = "11111111-2222-3333-4444-555555555555"
    private static let wallet = """
        CREATE TEMPORARY TABLE planted (
            user_id uuid, permanent_credits integer, bonus_credits integer, bonus_expires_at timestamptz, id bigint,
            ref_id text, credits_delta integer, created_at timestamptz)
        """

    /// A database with one customer, who has 100 purchased credits; made by the version before, or by this one.
    private func withCustomer(isUpgraded: Bool, _ body: @Sendable (Session) throws -> Void) async throws {
        try await withConnection { connection in
            if isUpgraded {
                _ = try await Migrator(migrations: Array(Migration.all.prefix(13))).migrate(connection)
            }
            _ = try await Migrator().migrate(connection)
            try await connection.run { session in
                try session.executeScript(
                    """
                    INSERT INTO public.users (id) VALUES ('\(Self.user)');
                    INSERT INTO public.credit_wallet (user_id, permanent_credits) VALUES ('\(Self.user)', 100)
                    """)
                try body(session)
            }
        }
    }

    private func lots(_ session: Session) throws -> Int64 {
        try session.query("SELECT coalesce(sum(remaining), 0)::bigint AS credits FROM daybook.lot")[0].int("credits")
    }

    private func state(_ sql: String, _ session: Session) throws -> String? {
        do {
            try session.executeScript(sql)
            return nil
        } catch let error as PostgresError {
            return error.sqlState?.rawValue
        }
    }

    @Test(arguments: [false, true])
    func `prober, importer and reader cannot hang a function that books on a table of their own`(
        isUpgraded: Bool
    ) async throws {
        try await withCustomer(isUpgraded: isUpgraded) { session in
            let name = try session.query("SELECT current_database()::text AS name")[0].text("name")
            let rights = [
                "prober": "GRANT INSERT ON daybook.probe TO",
                "importer": "GRANT SELECT, INSERT, UPDATE ON daybook.account, daybook.probe TO",
                "reader": "GRANT SELECT ON ALL TABLES IN SCHEMA daybook TO",
            ]
            for (kind, right) in rights.sorted(by: { $0.key < $1.key }) {
                let role = "\(kind)_\(name)"
                try session.executeScript(
                    """
                    CREATE ROLE \(role); GRANT TEMPORARY ON DATABASE \(name) TO \(role);
                    GRANT USAGE ON SCHEMA daybook TO \(role); \(right) \(role); SET ROLE \(role); \(Self.wallet)
                    """)
                for function in ["mirror_wallet", "note_freeze", "refuse_carried", "refuse_alteration"] {
                    let refused = try state(
                        """
                        CREATE TRIGGER \(function) AFTER INSERT ON pg_temp.planted
                        FOR EACH ROW EXECUTE FUNCTION daybook.\(function)()
                        """, session)
                    #expect(refused == "42501", "\(kind) may use \(function)")
                }
                for call in ["daybook.clock()", "daybook.hold_wallet('\(Self.user)')"] {
                    #expect(try state("SELECT \(call)", session) == "42501", "\(kind) may call \(call)")
                }
                #expect(try state("INSERT INTO daybook.test_clock VALUES (true, 0, now(), now())", session) == "42501")
                try session.executeScript(
                    "DROP TABLE pg_temp.planted; RESET ROLE; DROP OWNED BY \(role); DROP ROLE \(role)")
            }
            #expect(try lots(session) == 100)
        }
    }

    @Test(arguments: ["mirror_wallet", "note_freeze", "refuse_carried"])
    func `on another table a function that books refuses to work, even for the owner`(function: String) async throws {
        try await withCustomer(isUpgraded: true) { session in
            let timing = function == "refuse_carried" ? "BEFORE" : "AFTER"
            try session.executeScript(
                """
                \(Self.wallet);
                CREATE TRIGGER planted \(timing) INSERT ON pg_temp.planted
                FOR EACH ROW EXECUTE FUNCTION daybook.\(function)()
                """)
            let row = "('\(Self.user)', 1000000, 0, NULL, 1, '\(Self.user)', -1000, now())"
            #expect(try state("INSERT INTO pg_temp.planted VALUES \(row)", session) == "DB001")
            #expect(try lots(session) == 100)
        }
    }

    @Test func `on its own table it works after rows only`() async throws {
        try await withCustomer(isUpgraded: false) { session in
            for (when, change) in [
                ("BEFORE UPDATE", "UPDATE public.credit_wallet SET permanent_credits = 7"),
                ("AFTER DELETE", "DELETE FROM public.credit_wallet"),
            ] {
                try session.executeScript(
                    """
                    CREATE TRIGGER planted \(when) ON public.credit_wallet
                    FOR EACH ROW EXECUTE FUNCTION daybook.mirror_wallet()
                    """)
                #expect(try state(change, session) == "DB001")
                try session.executeScript("DROP TRIGGER planted ON public.credit_wallet")
            }
            #expect(try lots(session) == 100)
        }
    }

    @Test(arguments: [false, true])
    func `a session that sets the clock or who writes the wallet changes nothing`(isUpgraded: Bool) async throws {
        try await withCustomer(isUpgraded: isUpgraded) { session in
            try session.executeScript(
                """
                SET daybook.clock_rate = '0'; SET daybook.clock_origin = '2001-01-01T00:00:00Z';
                SET daybook.clock_anchor = '2001-01-01T00:00:00Z'; SET daybook.wallet_writer = 'engine'
                """)
            let row = try session.query("SELECT abs(extract(epoch FROM daybook.clock() - now())) < 60 AS is_now")[0]
            #expect(try row.bool("is_now"))
            try session.executeScript("UPDATE public.credit_wallet SET permanent_credits = 30, bonus_credits = 5")
            #expect(try lots(session) == 35)
            // The engine's own writing leaves wallet and lots equal, so the mirror finds nothing to do.
            _ = try session.query(
                "SELECT daybook.open_lot($1, 'bonus', 7, 0, now() + interval '1 day', 'grant', 'x', 'a', NULL, NULL)",
                [.uuid(Self.user)])
            _ = try session.query(
                "SELECT daybook.take_out($1, 20, 'b', 'a test', 'a test')::text", [.uuid(Self.user)])
            let sources = try session.query(
                "SELECT source, count(*) AS n FROM daybook.lot GROUP BY source ORDER BY source")
            #expect(try sources.map { try "\($0.text("source")) \($0.int("n"))" } == ["grant 1", "wallet 2"])
            #expect(try lots(session) == 22)
            let wallet = try session.query(
                "SELECT (permanent_credits + bonus_credits)::bigint AS n FROM public.credit_wallet")
            #expect(try wallet[0].int("n") == 22)
        }
    }

    @Test func `the owner's clock of tests runs as it is told`() async throws {
        try await withCustomer(isUpgraded: false) { session in
            try session.executeScript(
                "INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (0, '2026-01-02T03:04:05Z', now())")
            let at = try session.query("SELECT daybook.clock() = timestamptz '2026-01-02T03:04:05Z' AS is_so")[0]
            #expect(try at.bool("is_so"))
            let second = "INSERT INTO daybook.test_clock (rate, origin, anchor) VALUES (1, now(), now())"
            #expect(try state(second, session) == "23505")
        }
    }
}
