import Domain
public import Postgres

/// Whether a database has the engine.
public enum EngineSchema {
    /// Throws `configuration` where the engine's part of the schema is missing.
    public static func require(_ session: Session) throws {
        let rows = try session.query("SELECT to_regclass('daybook.model_gate') IS NOT NULL AS exists")
        guard try rows[0].bool("exists") else {
            let service = try session.query("SELECT to_regclass('public.credit_ledger') IS NOT NULL AS exists")
            let option = try service[0].bool("exists") ? " --engine" : ""
            throw DaybookError.configuration(
                "This database has no batch engine; run: daybook database migrate\(option)")
        }
    }

    /// Throws `configuration` where the session's role may not do what the engine does, before the first request finds
    /// out.
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
        throw DaybookError.configuration(
            "The role \(try row.text("role")) has no \(try row.text("what")): the engine works as the role that "
                + "migrated the database, or as one with its rights (docs/operations.md).")
    }
}
