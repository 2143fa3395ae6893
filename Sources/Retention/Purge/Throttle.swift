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
    /// server shows that to this role.
    static func othersAreAtWork(_ session: Session) throws -> Bool {
        try session.query(
            """
            SELECT EXISTS (
                SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                    AND state_change > clock_timestamp() - interval '1 second'
            ) AS others
            """)[0].bool("others")
    }
}
