import Domain
import Postgres

/// Who may run queries that somebody else wrote: a login that could do no harm even if they tried.
///
/// A role that was set can be left again, in the middle of a query and unseen; the login of the connection cannot. So
/// what is judged is the login, with every role that it is a member of, and with every role that those are.
enum ReportLogin {
    /// PostgreSQL's own roles that a function called by a query makes dangerous, read-only or not.
    ///
    /// Not among them: `pg_write_all_data`, `CREATEROLE` and the ownership of tables, because what they allow is
    /// refused in a read-only transaction, which no query can leave; `pg_read_all_data` and `pg_monitor`, which read.
    private static let roles: [(name: String, may: String)] = [
        ("pg_execute_server_program", "run programs on the server"),
        ("pg_read_server_files", "read the server's files"),
        ("pg_signal_backend", "end the sessions of others"),
        ("pg_write_server_files", "write the server's files"),
    ]

    /// Superusers, roles with REPLICATION, the roles above, and functions that PostgreSQL or an extension keeps from
    /// everybody (`pg_read_file`, `lo_export`, `pg_reload_conf`, `dblink_connect_u`) and somebody has granted.
    private static let dangers = """
        WITH reachable AS (
            SELECT r.oid, r.rolname, r.rolsuper, r.rolreplication, r.rolname = session_user AS is_login
            FROM pg_roles AS r
            WHERE pg_has_role(session_user, r.oid, 'MEMBER')
        )
        SELECT session_user AS login, d.kind, d.role, d.what
        FROM (
            SELECT 1 AS rank, 'superuser' AS kind, rolname AS role, '' AS what, is_login FROM reachable WHERE rolsuper
            UNION ALL
            SELECT 2, 'replication', rolname, '', is_login FROM reachable WHERE rolreplication
            UNION ALL
            SELECT 3, 'role', rolname, '', is_login FROM reachable WHERE rolname = ANY ($1)
            UNION ALL
            SELECT 4, 'function', r.rolname, p.oid::regprocedure::text, r.is_login
            FROM pg_init_privs AS i
            JOIN pg_proc AS p ON p.oid = i.objoid
            JOIN reachable AS r ON has_function_privilege(r.oid, p.oid, 'EXECUTE')
            WHERE i.classoid = 'pg_proc'::regclass AND NOT EXISTS (
                SELECT FROM aclexplode(i.initprivs) AS a
                WHERE a.privilege_type = 'EXECUTE' AND a.grantee <> p.proowner
                    AND (a.grantee = 0 OR EXISTS (SELECT FROM reachable AS m WHERE m.oid = a.grantee))
            )
        ) AS d
        ORDER BY d.rank, d.is_login DESC, d.role, d.what
        LIMIT 1
        """

    /// Throws `configuration` where the session's login is one whose rights a query could use for anything but reading.
    ///
    /// To be called with the search path of reports. `option` is where another login can be named.
    static func require(_ session: Session, option: String) throws {
        let found = try session.query(dangers, [.texts(roles.map(\.name))])
        guard let danger = found.first else { return }
        let (login, role) = (try danger.text("login"), try danger.text("role"))
        let right =
            switch try danger.text("kind") {
            case "superuser": "is a superuser"
            case "replication": "may replicate the server"
            case "function": "may call \(try danger.text("what"))"
            default: "may \(roles.first { $0.name == role }?.may ?? "do more than read")"
            }
        throw DaybookError.configuration(
            "The login \"\(login)\" \(right)\(login == role ? "" : " (by the role \"\(role)\")"), which a query of "
                + "this report could use; name a login that only reads with \(option) (to make one: daybook database "
                + "roles, then CREATE ROLE daybook_reader LOGIN IN ROLE daybook_report).")
    }
}
