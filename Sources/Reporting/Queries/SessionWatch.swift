import Domain
import Postgres

/// What a session is before a report's queries run, so that a query that changed it is found out.
///
/// A query can call functions, and some of them change the session: `set_config`, or an application's own. Everything
/// here is read by names that say where they stand, operators included: a query that changed the search path must not
/// choose what they mean.
struct SessionWatch {
    private let before: [String: String]

    /// Remembers the session as it is.
    ///
    /// Throws `configuration` where it is not in a read-only transaction with a snapshot of its own.
    init(_ session: Session) throws {
        before = try Self.read(session)
        guard before["transaction_read_only"] == "on", before["transaction_isolation"] == "repeatable read" else {
            throw DaybookError.configuration(
                "The server gave a report no read-only transaction with one snapshot; is there a pooler in between?")
        }
    }

    /// Throws `configuration` if the session is not what it was. `subject` says which query may have changed it.
    func check(_ session: Session, after subject: String) throws {
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
