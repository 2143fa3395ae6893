public import Domain
internal import Postgres

/// A look into an archive as it is asked for: rows that were purged live again, so it says why and until when.
public struct LookRequest: Sendable, Hashable {
    /// What the names of its tables begin with.
    public let into: String
    public let reason: String
    /// The last day, in UTC; nil for ``Limits/lookDays`` from today.
    public let until: CalendarDate?

    public init(into: String, reason: String, until: CalendarDate?) {
        self.into = into
        self.reason = reason
        self.until = until
    }

    /// The full name of the table of a class.
    func table(_ dataClass: String) -> String { (into.contains(".") ? into : "public." + into) + "_" + dataClass }

    /// Throws `usage` for names that PostgreSQL would cut off.
    func requireFitting(_ tables: [String]) throws {
        guard tables.allSatisfy({ $0.split(separator: ".").allSatisfy { $0.utf8.count <= Limits.identifierBytes } })
        else {
            throw DaybookError.usage("The name that --into gives is too long for a table; nothing was put back.")
        }
    }

    /// The first instant after its last day. Throws `usage` for one that is over, or too far away.
    func end(_ session: Session) throws -> Instant {
        let row = try session.query(
            """
            SELECT (coalesce($1::date, d.today + $2::bigint::integer) + 1)::timestamp AT TIME ZONE 'UTC' AS until,
                coalesce($1::date, d.today) BETWEEN d.today AND d.today + $3::bigint::integer AS is_fitting,
                (d.today + $3::bigint::integer)::text AS latest
            FROM (SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date AS today) AS d
            """, [until.map { .date($0) } ?? .null, .int(Limits.lookDays), .int(Limits.mostLookDays)])[0]
        guard try row.bool("is_fitting") else {
            throw DaybookError.usage(
                "A look ends between today and \(try row.text("latest")), in UTC; nothing was put back. What is needed "
                    + "for longer is put back under a hold, without --into.")
        }
        return try row.instant("until")
    }
}
