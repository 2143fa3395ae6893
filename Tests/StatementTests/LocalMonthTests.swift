import Domain
import Postgres
import TestSupport
import Testing

@testable import Schema

/// Months of random time zones.
@Suite struct LocalMonthTests {
    private static let zonesOfASeed = 40
    private static let months = 36

    @Test(arguments: 1...10)
    func `every instant belongs to one month, which begins with its first local date`(seed: Int) async throws {
        var random = SeededRandom(seed: UInt64(seed))
        let first = try #require(Month(year: Int.random(in: 2000...2035, using: &random), number: 1))
        let chosen = (0..<Self.zonesOfASeed).map { _ in Double.random(in: 0..<1, using: &random) }
        let offsets = (0..<200).map { _ in Int64.random(in: 0..<3 * 365 * 86_400, using: &random) }
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                let names = try session.query("SELECT name FROM pg_timezone_names ORDER BY name COLLATE \"C\"").map {
                    try $0.text("name")
                }
                #expect(names.count > 300)
                for zone in chosen.map({ names[Int($0 * Double(names.count))] }) {
                    let months = (0..<Self.months).compactMap { first.adding(months: $0) }
                    let periods = try LocalMonths(session).periods(of: months.map { ($0, zone) })
                    for (month, period) in zip(months, periods) {
                        let dates = try session.query(
                            """
                            SELECT ($1 AT TIME ZONE $3)::date AS first, (($1 - interval '1 second') AT TIME ZONE $3)::date AS before,
                                $1 < $2 AS lasts
                            """, [.instant(period.start), .instant(period.end), .text(zone)])[0]
                        let start = try dates.date("first")
                        let before = try dates.date("before")
                        #expect(start == month.firstDay, "seed \(seed): \(zone) \(month)")
                        #expect(before < month.firstDay, "seed \(seed): \(zone) \(month)")
                        let lasts = try dates.bool("lasts")
                        #expect(lasts, "seed \(seed): \(zone) \(month)")
                    }
                    for (period, next) in zip(periods, periods.dropFirst()) {
                        #expect(period.end == next.start, "seed \(seed): \(zone)")
                    }
                    let begin = periods[0].start
                    for offset in offsets {
                        let instant = begin.adding(seconds: offset)
                        guard instant < periods[Self.months - 1].end else { continue }
                        #expect(periods.count { $0.contains(instant) } == 1, "seed \(seed): \(zone) \(instant)")
                    }
                }
            }
            await connection.close()
        }
    }
}
