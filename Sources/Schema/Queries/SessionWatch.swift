package import Domain
package import Postgres

/// What a session is before a report's queries run, so that a query that changed it is found out.
///
/// A query can call functions, and some of them change the session: `set_config`, or an application's own. Everything
/// here is read by names that say where they stand, operators included: a query that changed the search path must not
/// choose what they mean.
package struct SessionWatch {
    private let before: [String: String]

    /// Remembers the session as it is.
    ///
    /// Throws `configuration` where it is not in a read-only transaction with a snapshot of its own.
    package init(_ session: Session) throws {
        before = try Self.read(session)
        guard before["transaction_read_only"] == "on", before["transaction_isolation"] == "repeatable read" else {
            throw DaybookError.configuration(
                "The server gave a report no read-only transaction with one snapshot; is there a pooler in between?")
        }
    }

    /// Throws `configuration` if the session is not what it was. `subject` says which query may have changed it.
    package func check(_ session: Session, after subject: String) throws {
        let now = try Self.read(session)
        guard now != before else { return }
        let changed = Set(before.keys).union(now.keys).filter { before[$0] != now[$0] }.sorted()
        let words = changed.prefix(3).map { name in
            "\(name) (\(Self.shown(before[name])) became \(Self.shown(now[name])))"
        }
        throw DaybookError.configuration(
            "\(subject) changed \(words.joined(separator: ", ")); a query of a report leaves its session as it is, and "
                + "nothing was published.")
    }

    private static func shown(_ value: String?) -> String {
        value.map { "\"\($0.prefix(60))\"" } ?? "what the session began with"
    }

    /// Who the session is and may become, its transaction, whether that has written, and the locks of its own making.
    private static let identity = """
        SELECT session_user AS session_user, current_user AS current_user,
            pg_catalog.current_setting('role') AS role,
            pg_catalog.current_setting('session_authorization') AS session_authorization,
            pg_catalog.current_setting('transaction_read_only') AS transaction_read_only,
            pg_catalog.current_setting('transaction_isolation') AS transaction_isolation,
            pg_catalog.current_setting('row_security') AS row_security,
            pg_catalog.current_setting('search_path') AS search_path,
            pg_catalog.current_setting('statement_timeout') AS statement_timeout,
            pg_catalog.pg_backend_pid() AS "server process",
            pg_catalog.transaction_timestamp() AS "transaction's begin",
            pg_catalog.format('%s', pg_catalog.pg_current_snapshot()) AS snapshot,
            CASE WHEN pg_catalog.pg_current_xact_id_if_assigned() IS NULL THEN 'untouched' ELSE 'written' END AS data,
            CASE
                WHEN EXISTS (
                    SELECT FROM pg_catalog.pg_locks AS l
                    WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'
                        AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
                ) THEN 'held'
                ELSE 'none'
            END AS "advisory locks"
        """

    private static func read(_ session: Session) throws -> [String: String] {
        var state: [String: String] = [:]
        // Those that anybody set in this session; what an administrator reloads meanwhile is not a query's doing.
        for row in try session.query("SELECT s.name, s.setting, s.source FROM pg_catalog.pg_settings AS s")
        where try row.text("source") == "session" {
            state[try row.text("name")] = try row.optionalText("setting") ?? ""
        }
        let row = try session.query(identity)[0]
        for (index, column) in row.columns.enumerated() { state[column.name] = try row.string(index) ?? "" }
        return state
    }
}

/// Who may run queries that somebody else wrote: a login that could do no harm even if they tried.
///
/// A role that was set can be left again, in the middle of a query and unseen; the login of the connection cannot. So
/// what is judged is the login, with every role that it is a member of, and with every role that those are.
package enum ReportLogin {
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
    /// To be called with the search path of reports.
    package static func require(_ session: Session, for queries: Advice.ForeignQueries) throws {
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
                + "this report could use", .nameReadingLogin(queries))
    }
}
