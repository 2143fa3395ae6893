import Domain
import Postgres

/// The clock of a report's time zone, by the database's own rules: the days of its month, and instants as people write
/// them.
struct ReportClock: Sendable {
    private struct Change: Sendable {
        let from: Instant
        /// Ahead of UTC.
        let seconds: Int64
    }

    /// The IANA zone.
    let timeZone: String
    /// In order; the first holds before it too.
    private let changes: [Change]

    /// UTC, for what has no other.
    static let utc = ReportClock(timeZone: "UTC", changes: [(.distantPast, 0)])

    /// - Parameter changes: Offsets from UTC in seconds, each from an instant on; one at least.
    init(timeZone: String, changes: [(from: Instant, seconds: Int64)]) {
        precondition(!changes.isEmpty, "a clock has an offset")
        self.timeZone = timeZone
        self.changes = changes.map { Change(from: $0.from, seconds: $0.seconds) }
    }

    /// Reads the clocks of some zones for a while, by zone.
    static func read(
        _ session: Session, zones: some Sequence<String>, from start: Instant, until end: Instant
    ) throws -> [String: ReportClock] {
        let zones = Set(zones).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        let rows = try session.query(
            """
            WITH stepped AS (
                SELECT z.number, z.zone, t.at, o.seconds,
                    lag(o.seconds) OVER (PARTITION BY z.number ORDER BY t.at) AS before
                FROM unnest($1::text[]) WITH ORDINALITY AS z (zone, number)
                CROSS JOIN LATERAL generate_series($2::timestamptz, $3::timestamptz, interval '1 hour') AS t (at)
                CROSS JOIN LATERAL (
                    SELECT extract(epoch FROM (t.at AT TIME ZONE z.zone) - (t.at AT TIME ZONE 'UTC'))::bigint AS seconds
                ) AS o
            )
            SELECT s.number, m.at, s.seconds
            FROM stepped AS s
            CROSS JOIN LATERAL (
                -- A change is looked for to the minute.
                SELECT min(t.at) AS at
                FROM generate_series(
                    CASE WHEN s.before IS NULL THEN s.at ELSE s.at - interval '1 hour' END, s.at, interval '1 minute'
                ) AS t (at)
                WHERE extract(epoch FROM (t.at AT TIME ZONE s.zone) - (t.at AT TIME ZONE 'UTC'))::bigint = s.seconds
            ) AS m
            WHERE s.seconds IS DISTINCT FROM s.before
            ORDER BY s.number, m.at
            """, [.texts(zones), .instant(start), .instant(end)])
        var changes = [[(from: Instant, seconds: Int64)]](repeating: [], count: zones.count)
        for row in rows {
            changes[Int(try row.int("number")) - 1].append((try row.instant("at"), try row.int("seconds")))
        }
        let clocks = zip(zones, changes).map { zone, changes in
            (zone, changes.isEmpty ? .utc : ReportClock(timeZone: zone, changes: changes))
        }
        return Dictionary(uniqueKeysWithValues: clocks)
    }

    private func offset(at instant: Instant) -> Int64 {
        (changes.last { $0.from <= instant } ?? changes[0]).seconds
    }

    /// The first instant of each day of a month that begins and ends with a period: one for every day of the calendar,
    /// in order. A day that a zone skips begins when the next one does.
    func dayStarts(of month: Month, _ period: Period) -> [Instant] {
        var starts = [period.start]
        for day in (month.firstDay.daysSinceEpoch + 1)..<month.endDay.daysSinceEpoch {
            let start = max(firstInstant(ofDay: Int64(day)), starts.last ?? period.start)
            starts.append(min(start, period.end))
        }
        return starts
    }

    /// Midnight may be skipped or come twice: the earliest instant that is not still the day before.
    private func firstInstant(ofDay day: Int64) -> Instant {
        let midnight = day * 86_400
        let candidates = Set(changes.map(\.seconds)).map { Instant(microseconds: (midnight - $0) * 1_000_000) }
        let reached = candidates.filter { $0.microseconds + offset(at: $0) * 1_000_000 >= midnight * 1_000_000 }
        return reached.min() ?? Instant(microseconds: midnight * 1_000_000)
    }

    /// `1 October 2026, 04:00`, with seconds where there are any: for people, who find the exact instant in the files.
    func text(_ instant: Instant) -> String {
        guard instant.isFinite else { return instant.description }
        let (date, second) = local(instant)
        let time = "\(Self.two(second / 3600)):\(Self.two(second / 60 % 60))"
        return "\(Self.text(date)), \(time)" + (second % 60 == 0 ? "" : ":\(Self.two(second % 60))")
    }

    /// The local date, and the second of its day.
    private func local(_ instant: Instant) -> (date: CalendarDate, second: Int64) {
        let moved = instant.microseconds + offset(at: instant) * 1_000_000
        let dayLength: Int64 = 86_400_000_000
        let day = moved >= 0 ? moved / dayLength : (moved - dayLength + 1) / dayLength
        return (CalendarDate(daysSinceEpoch: Int(day)), (moved - day * dayLength) / 1_000_000)
    }

    /// `1 October 2026`.
    static func text(_ date: CalendarDate) -> String {
        let (year, number, day) = date.components
        return Month(year: year, number: number).map { "\(day) \($0.title)" } ?? date.description
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }
}

extension Month {
    /// `October`.
    var name: String { String(title.prefix { $0 != " " }) }

    /// `Oct`, and `Jan 27` in January or where the year is to be said.
    func shortText(withYear: Bool) -> String {
        String(name.prefix(3)) + (withYear || number == 1 ? " \(String(year).suffix(2))" : "")
    }

    /// Days of the calendar.
    var dayCount: Int { endDay.daysSinceEpoch - firstDay.daysSinceEpoch }

    /// `Wed 21`: a day of the month, from 1.
    func dayText(_ day: Int) -> String { "\(weekday(ofDay: day)) \(day)" }

    /// `Wed`.
    func weekday(ofDay day: Int) -> String {
        // The first of January 1970 was a Thursday.
        let number = (firstDay.daysSinceEpoch + day - 1 + 3) % 7
        return ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][(number + 7) % 7]
    }
}

extension Seconds {
    /// The same of whole minutes: `2 h 5 min`.
    static func minutes(_ minutes: Int64) -> String {
        minutes < 60 ? "\(minutes) min" : words(minutes * 60)
    }

    /// A length as people say it: `2 h 5 min`, `120 s`, `5 min`, `24 h`.
    static func words(_ seconds: Int64) -> String {
        if seconds <= 180, !seconds.isMultiple(of: 60) || seconds == 120 || seconds == 60 { return "\(seconds) s" }
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60)
        let parts = [(hours, "h"), (minutes, "min"), (rest, "s")].filter { $0.0 > 0 }
        return parts.isEmpty ? "0 s" : parts.map { "\($0.0) \($0.1)" }.joined(separator: " ")
    }
}
