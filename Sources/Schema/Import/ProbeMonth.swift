public import Domain
import Postgres

/// What the probes of a target say of a month (UTC), as they lie in the database.
public struct ProbeMonth: Sendable, Hashable {
    public let target: String
    public let month: Month
    /// Whole minutes of the month that are over.
    public let totalMinutes: Int64
    /// Minutes with a probe that succeeded.
    public let upMinutes: Int64
    /// Minutes with probes, all of which failed.
    public let downMinutes: Int64
    /// The median of what lies between one probe and the next, in microseconds; nil for a single probe.
    public let medianMicroseconds: Int64?
    public let firstAt: Instant
    public let lastAt: Instant
    /// What is over of the month.
    public let period: Period

    public var unmonitoredMinutes: Int64 { totalMinutes - upMinutes - downMinutes }

    /// The share of the minutes that have a probe, floored.
    public var monitoredPercent: Percent {
        Percent(tenThousandths: totalMinutes > 0 ? (upMinutes + downMinutes) * 1_000_000 / totalMinutes : 0)
    }

    /// What is missing at the ends of the month; nil where nothing is.
    public var gap: String? {
        let begins = firstAt.microseconds(since: period.start) > Limits.probeGapMicroseconds
        let stops = period.end.microseconds(since: lastAt) > Limits.probeGapMicroseconds
        guard begins || stops else { return nil }
        let parts = (begins ? ["begin at \(firstAt)"] : []) + (stops ? ["end at \(lastAt)"] : [])
        return "The probes of \(target) \(parts.joined(separator: " and ")): what lies before and after in \(month) is "
            + "unmonitored."
    }

    /// Of every target and month that the rows of the import are of.
    static func ofIncoming(_ session: Session) throws -> [ProbeMonth] {
        try session.query(
            """
            WITH touched AS (
                SELECT DISTINCT target, date_trunc('month', probed_at) AS starts_at FROM pg_temp.incoming
            ), month AS (
                SELECT target, starts_at,
                    date_trunc('minute', least(starts_at + interval '1 month', now())) AS ends_at
                FROM touched
            ), minute AS (
                SELECT m.target, m.starts_at, date_bin(interval '1 minute', p.probed_at, 'epoch') AS minute,
                    bool_or(p.ok) AS is_up
                FROM month AS m
                JOIN daybook.probe AS p
                    ON p.target = m.target AND p.probed_at >= m.starts_at AND p.probed_at < m.ends_at
                GROUP BY 1, 2, 3
            ), gap AS (
                SELECT m.target, m.starts_at, p.probed_at,
                    p.probed_at - lag(p.probed_at) OVER (PARTITION BY m.target, m.starts_at ORDER BY p.probed_at)
                        AS length
                FROM month AS m
                JOIN (SELECT DISTINCT target, probed_at FROM daybook.probe) AS p
                    ON p.target = m.target AND p.probed_at >= m.starts_at AND p.probed_at < m.ends_at
            ), spaced AS (
                SELECT target, starts_at, min(probed_at) AS first_at, max(probed_at) AS last_at,
                    percentile_disc(0.5) WITHIN GROUP (ORDER BY length) AS median
                FROM gap GROUP BY target, starts_at
            ), counted AS (
                SELECT target, starts_at, count(*) FILTER (WHERE is_up) AS up, count(*) FILTER (WHERE NOT is_up) AS down
                FROM minute GROUP BY target, starts_at
            )
            SELECT m.target, m.starts_at::date AS day, m.starts_at, m.ends_at, s.first_at, s.last_at, c.up, c.down,
                (extract(epoch FROM m.ends_at - m.starts_at) / 60)::bigint AS total,
                (extract(epoch FROM s.median) * 1000000)::bigint AS median
            FROM month AS m
            JOIN spaced AS s ON s.target = m.target AND s.starts_at = m.starts_at
            JOIN counted AS c ON c.target = m.target AND c.starts_at = m.starts_at
            ORDER BY m.target COLLATE "C", m.starts_at
            """
        ).compactMap { row in
            let day = try row.date("day").components
            guard let month = Month(year: day.year, number: day.month) else { return nil }
            return ProbeMonth(
                target: try row.text("target"), month: month, totalMinutes: try row.int("total"),
                upMinutes: try row.int("up"), downMinutes: try row.int("down"),
                medianMicroseconds: try row.optionalInt("median"), firstAt: try row.instant("first_at"),
                lastAt: try row.instant("last_at"),
                period: Period(start: try row.instant("starts_at"), end: try row.instant("ends_at")))
        }
    }
}
