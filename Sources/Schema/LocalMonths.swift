package import Domain
package import Postgres

/// Turns months of a time zone into instants, by the database's own time zone rules.
package struct LocalMonths {
    private let session: Session

    package init(_ session: Session) {
        self.session = session
    }

    /// The period of each month in its zone: from the first instant of its first local date to that of the next
    /// month's.
    package func periods(of months: [(month: Month, timeZone: String)]) throws -> [Period] {
        try periods(of: months.map { ($0.month, startZone: $0.timeZone, endZone: $0.timeZone) })
    }

    /// The period of each account's own month.
    ///
    /// A month begins where the one before it ended by its own terms, so that months tile also where the zone changes:
    /// the first one under another zone is some hours longer or shorter than its calendar says.
    package func periods(of months: [(month: Month, account: Account)]) throws -> [Period] {
        try periods(
            of: months.map { month, account in
                let before = month.adding(months: -1).map { account.under($0) } ?? account
                return (month, startZone: before.timeZone, endZone: account.under(month).timeZone)
            })
    }

    private func periods(of months: [(month: Month, startZone: String, endZone: String)]) throws -> [Period] {
        // Thousands of accounts share a few zones.
        var places: [Asked: Int] = [:]
        var asked: [Asked] = []
        let order = months.map { month in
            let one = Asked(month: month.month, startZone: month.startZone, endZone: month.endZone)
            if let place = places[one] { return place }
            asked.append(one)
            places[one] = asked.count - 1
            return asked.count - 1
        }
        let known = try periods(of: asked)
        return order.map { known[$0] }
    }

    /// A month that begins in one zone and ends in another, or in the same.
    private struct Asked: Hashable {
        let month: Month
        let startZone: String
        let endZone: String
    }

    /// Midnight may be skipped or come twice. The two candidates are midnight by the offset of the day
    /// before and by that of the day after; the earliest one that is not still the day before is it.
    private func periods(of months: [Asked]) throws -> [Period] {
        guard !months.isEmpty else { return [] }
        let rows = try session.query(
            """
            SELECT array_agg(b.instant ORDER BY z.number) AS instants
            FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS z (zone, day, number)
            CROSS JOIN LATERAL (
                SELECT min(c.instant) AS instant
                FROM unnest(ARRAY[-1, 1]) AS side
                CROSS JOIN LATERAL (
                    SELECT (z.day::timestamp AT TIME ZONE 'UTC') + side * interval '1 day' AS nearby
                ) AS n
                CROSS JOIN LATERAL (
                    SELECT (
                        z.day::timestamp - ((n.nearby AT TIME ZONE z.zone) - (n.nearby AT TIME ZONE 'UTC'))
                    ) AT TIME ZONE 'UTC' AS instant
                ) AS c
                WHERE (c.instant AT TIME ZONE z.zone) >= z.day::timestamp
            ) AS b
            """,
            [
                .texts(months.flatMap { [$0.startZone, $0.endZone] }),
                .texts(months.flatMap { [$0.month.firstDay.description, $0.month.endDay.description] }),
            ])
        let instants = try rows[0].instants("instants")
        return stride(from: 0, to: instants.count, by: 2).map {
            Period(start: instants[$0], end: instants[$0 + 1])
        }
    }
}
