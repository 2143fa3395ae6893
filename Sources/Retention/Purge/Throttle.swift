internal import Postgres

/// Reasons to pause, as the server shows them to this role.
enum Throttle {
    /// Why a purge of a table should wait now, nil if it need not.
    static func reason(for relation: String, _ pauses: PurgePauses, _ session: Session) throws -> String? {
        let rows = try session.query(
            """
            SELECT
                (SELECT max(extract(epoch FROM replay_lag))::bigint FROM pg_stat_replication) AS lag,
                (SELECT count(*) FROM pg_stat_progress_vacuum AS v JOIN pg_stat_activity AS a ON a.pid = v.pid
                    WHERE v.relid = to_regclass($1) AND v.datname = current_database()
                        AND a.backend_type = 'autovacuum worker') AS vacuums,
                (SELECT max(extract(epoch FROM clock_timestamp() - xact_start))::bigint FROM pg_stat_activity
                    WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
                        AND backend_type = 'client backend') AS snapshot
            """, [.text(TableName.quoted(relation, session))])
        if let lag = try rows[0].optionalInt("lag"), lag > pauses.lagSeconds {
            return "a replica is \(lag) s behind"
        }
        if try rows[0].int("vacuums") > 0 { return "autovacuum works on \(relation)" }
        if let age = try rows[0].optionalInt("snapshot"), age > pauses.transactionSeconds {
            return "somebody's transaction is open for \(age) s"
        }
        return nil
    }

    /// True where another client of the database began or ended a statement within the last second, as far as the
    /// server shows that to this role, and that statement was work: not a pooler's or a monitor's sign of life.
    static func othersAreAtWork(_ session: Session) throws -> Bool {
        try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                    AND state_change > clock_timestamp() - interval '1 second'
                    AND (backend_xid IS NOT NULL OR NOT \(isTrivial("query")))
            ) AS others
            """)[0].bool("others")
    }

    /// True for a text of nothing but statements that need no table: an empty one, a `SELECT` of constants and of what
    /// the server knows of itself, what changes the session alone. A transaction's begin or end stands for what is in
    /// it, and is work.
    static func isTrivial(_ query: String) -> String {
        """
        NOT EXISTS (
            SELECT FROM regexp_split_to_table(regexp_replace(\(query), '\(comment)', ' ', 'g'), ';') AS part
            WHERE part !~* '^\\s*(\(ofSession)|select(\\s+\(item)(\\s*,\\s*\(item))*)?)?\\s*$')
        """
    }

    private static let comment = #"--[^\n\r]*|/\*([^*]|\*+[^*/])*\*+/"#
    private static let ofSession = #"(set|show|reset|discard|deallocate|listen|unlisten|close)\y.*"#
    private static let item = #"(\d+|''[^'']*''|null|true|false|\#(ofServer)|\#(call))(\s+as\s+"?\w+"?)?"#
    private static let ofServer = "current_(date|time|timestamp|user|role|catalog|schema)|session_user"
    private static let call = #"(pg_catalog\.)?(\#(functions))\s*\(\s*(''[^'']*'')?\s*\)"#
    private static let functions =
        "now|version|clock_timestamp|current_database|current_setting|pg_backend_pid|pg_is_in_recovery"
}
