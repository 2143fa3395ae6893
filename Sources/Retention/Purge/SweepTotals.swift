internal import Domain
internal import Postgres

/// What is written down of rows in the very statement that takes them: how many of whom, and what has to be known of
/// them later.
enum SweepTotals {
    /// The parts of the statement `gone` that count: first what the rows come to in shares, of which there are few, and
    /// from those the totals.
    static func adding(_ dataClass: DataClass, _ run: Int64, _ rests: Rests) -> String {
        let isAccess = dataClass == .accessLog
        let total = """
            share AS MATERIALIZED (
                SELECT coalesce(owner, '\(RetentionSession.nobody)'::uuid) AS owner,
                    \(isAccess ? "\(AccessTotals.beginning(of: "instant")) AS begins_at, action, " : "")
                    count(*) AS row_count, min(instant) AS oldest, max(instant) AS newest
                FROM gone WHERE \(rests.after("instant", rows: Limits.countRestRows))
                GROUP BY \(isAccess ? "1, 2, 3" : "1")
            ), run_total AS (
                INSERT INTO daybook.purge_total (user_id, run_id, data_class, row_count, oldest, newest)
                SELECT owner, \(run), '\(dataClass.rawValue)', sum(row_count), min(oldest), max(newest)
                FROM share GROUP BY owner
                ON CONFLICT ON CONSTRAINT purge_total_pkey DO UPDATE SET
                    row_count = purge_total.row_count + excluded.row_count,
                    oldest = least(purge_total.oldest, excluded.oldest),
                    newest = greatest(purge_total.newest, excluded.newest)
            )
            """
        switch dataClass {
        case .accessLog:
            return total + ", access_count AS (\n"
                + AccessTotals.adding(run, from: "share", where: rests.after("row_count")) + "\n)"
        case .probes: return total + ", " + probeDays
        case .apiUsage: return total
        case .taskContent: return total + ", " + taskRecords(run)
        }
    }

    /// A minute is up if any probe in it succeeded: a bit set stays set, and up wins when the two are read.
    private static let probeDays = """
        minute AS (
            SELECT target, (instant AT TIME ZONE 'UTC')::date AS day,
                (extract(epoch FROM (instant AT TIME ZONE 'UTC')::time) / 60::numeric) AS place, ok, instant
            FROM gone
        ), folded AS (
            INSERT INTO daybook.probe_day (target, day, up_minutes, down_minutes, first_probe_at)
            SELECT target, day,
                bit_or(CASE WHEN ok THEN set_bit(repeat('0', 1440)::bit(1440), floor(place)::int, 1)
                    ELSE repeat('0', 1440)::bit(1440) END),
                bit_or(CASE WHEN ok THEN repeat('0', 1440)::bit(1440)
                    ELSE set_bit(repeat('0', 1440)::bit(1440), floor(place)::int, 1) END),
                min(instant)
            FROM minute GROUP BY target, day
            ON CONFLICT ON CONSTRAINT probe_day_pkey DO UPDATE SET
                up_minutes = probe_day.up_minutes | excluded.up_minutes,
                down_minutes = probe_day.down_minutes | excluded.down_minutes,
                first_probe_at = least(probe_day.first_probe_at, excluded.first_probe_at)
        )
        """

    private static func taskRecords(_ run: Int64) -> String {
        """
        fact AS (
            INSERT INTO daybook.task_fact AS known (user_id, task_id, terminal_at, terminal_estimated)
            SELECT task_owner, task_id, instant, is_estimated FROM gone
            ON CONFLICT ON CONSTRAINT task_fact_pkey DO UPDATE SET
                terminal_at = coalesce(known.terminal_at, excluded.terminal_at),
                terminal_estimated = CASE WHEN known.terminal_at IS NULL THEN excluded.terminal_estimated
                    ELSE known.terminal_estimated END
        ), mark AS (
            INSERT INTO daybook.task_redaction (user_id, task_id, run_id)
            SELECT task_owner, task_id, \(run) FROM gone
            ON CONFLICT ON CONSTRAINT task_redaction_pkey DO UPDATE SET
                run_id = excluded.run_id, redacted_at = excluded.redacted_at
        )
        """
    }
}

/// What is left of purged accesses: how many there were, by owner, run, stretch of time and action.
///
/// Every stretch lies in one month, whatever the zone: on the first and the last UTC day of a month, where it begins
/// somewhere, it is a quarter of an hour, by which zones differ; between them it is a UTC day, so that the totals stay
/// few.
enum AccessTotals {
    static let table = "daybook.access_total"

    /// The beginning of the stretch that an instant is in.
    ///
    /// Each value has the very type that its function takes: the deleting statement is looked up by the login's own
    /// search path too.
    static func beginning(of instant: String) -> String {
        let day = "date_part('day'::text, \(instant) AT TIME ZONE interval '0')"
        let next = "date_part('day'::text, (\(instant) + interval '24 hours') AT TIME ZONE interval '0')"
        return """
            date_bin(CASE WHEN \(day) = 1::double precision OR \(next) = 1::double precision
                THEN interval '15 minutes' ELSE interval '24 hours' END,
                \(instant), timestamptz '0001-01-01 00:00:00+00')
            """
    }

    /// Adds what a relation has counted for a run: `owner`, `begins_at`, `action` and `row_count`.
    static func adding(_ run: Int64, from shares: String, where condition: String = "true") -> String {
        """
        INSERT INTO \(table) (user_id, run_id, begins_at, action, accesses)
        SELECT owner, \(run), begins_at, action, row_count FROM \(shares) WHERE \(condition)
        ON CONFLICT ON CONSTRAINT access_total_pkey DO UPDATE SET accesses = access_total.accesses + excluded.accesses
        """
    }

    /// The accesses that a run has counted here. What it took before that, under an earlier version of the program, is
    /// counted by days in `daybook.access_day`.
    static func counted(by run: Int64, _ session: Session) throws -> Int64 {
        try session.query(
            "SELECT coalesce(sum(accesses), 0)::bigint AS accesses FROM \(table) WHERE run_id = $1", [.int(run)]
        )[0].int("accesses")
    }

    /// Takes back what a run has counted: its rows are in their table again.
    static func forget(_ run: Int64, _ session: Session) throws {
        _ = try session.execute("DELETE FROM \(table) WHERE run_id = $1", [.int(run)])
    }
}
