public import Domain
public import Postgres
import Schema

/// Whether a database has the engine.
public enum EngineSchema {
    /// Throws ``EngineFault`` as `noEngine` where the engine's part of the schema is missing, and
    /// ``PostgresError/Code/distributed`` where tables are distributed over several servers.
    public static func require(_ session: Session) throws {
        try session.requireOneServer(for: "The batch engine")
        let rows = try session.query("SELECT to_regclass('daybook.model_gate') IS NOT NULL AS exists")
        guard try rows[0].bool("exists") else {
            let service = try session.query("SELECT to_regclass('public.credit_ledger') IS NOT NULL AS exists")
            throw EngineFault.noEngine(besideService: try service[0].bool("exists"))
        }
    }

    /// Throws ``EngineFault`` as `missingRight` where the session's role may not do what the engine does, before the
    /// first request finds out.
    public static func requireRights(_ session: Session) throws {
        let rows = try session.query(
            """
            SELECT current_user::text AS role, needed.what FROM (
                SELECT 'EXECUTE on ' || p.proname AS what, has_function_privilege(p.oid, 'EXECUTE') AS held
                FROM pg_proc AS p
                WHERE p.pronamespace = to_regnamespace('daybook')
                    AND p.proname IN ('create_batch', 'cancel', 'claim', 'end_tasks', 'register_worker')
                UNION ALL
                SELECT t.privilege || ' on ' || t.name, has_table_privilege(t.name, t.privilege)
                FROM (VALUES
                    ('daybook.api_key', 'SELECT'), ('daybook.api_key', 'UPDATE'), ('daybook.task', 'UPDATE'),
                    ('public.batch_jobs', 'INSERT'), ('public.video_tasks', 'INSERT'),
                    ('public.credit_wallet', 'UPDATE'), ('public.credit_ledger', 'INSERT')
                ) AS t (name, privilege)
            ) AS needed WHERE NOT needed.held ORDER BY needed.what LIMIT 1
            """)
        guard let row = rows.first else { return }
        throw EngineFault.missingRight(role: try row.text("role"), what: try row.text("what"))
    }
}

/// A customer's row in the service's table of users: keys, wallets and batches refer to it.
enum CustomerUser {
    /// Makes the row of an account's owner on a database that Daybook made, where nobody else does.
    ///
    /// Throws `badData` on a deployment, whose application makes its users itself.
    static func require(_ userID: String, _ session: Session) throws {
        if try isThere(userID, session) { return }
        if try Migrator.madeService(session) {
            try session.execute(
                """
                INSERT INTO public.users (id, name)
                SELECT a.user_id, a.name FROM daybook.account AS a WHERE a.user_id = $1
                ON CONFLICT (id) DO NOTHING
                """, [.uuid(userID)])
            if try isThere(userID, session) { return }
        }
        throw DaybookError.badData(
            "The user \(userID) is not in this database's table of users, so nothing can be booked for him; let the "
                + "application make the user first, or import the account with the user_id that it gave to him.")
    }

    private static func isThere(_ userID: String, _ session: Session) throws -> Bool {
        try !session.query("SELECT FROM public.users WHERE id = $1", [.uuid(userID)]).isEmpty
    }
}

extension EngineFault {
    /// What the engine's functions in the database refuse, by the SQLSTATE that they raise; nil for every other error.
    public init?(_ error: PostgresError) {
        let message = error.message ?? ""
        switch error.sqlState?.rawValue {
        case "DB001": self = .appendOnly
        case "DB400": self = .invalid(message)
        case "DB402": self = .insufficientCredits(message)
        case "DB404": self = .notFound
        case "DB409": self = .conflict(message)
        case "DB410": self = .fenced
        default: return nil
        }
    }
}
