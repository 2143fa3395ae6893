internal import Domain
internal import Postgres

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
