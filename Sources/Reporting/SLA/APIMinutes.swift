import Documents
import Domain
import Postgres
import Schema

/// What the API recorded of its own minutes, beside those of its prober: a second source, by which nothing is judged.
struct APIMinutes: Sendable {
    /// A stretch of minutes of which the two say different things.
    struct Difference: Sendable {
        let prober: String
        let api: String
        let startsAt: Instant
        let minutes: Int64
        let requests: Int64
        let serverErrors: Int64
    }

    /// The prober's name for the API; nil where nobody knows which of its targets that is.
    let component: String?
    let total: Int64
    /// Minutes with a call, those in which every call failed here, and those in which any did.
    let served: Int64
    let failed: Int64
    let troubled: Int64
    /// Minutes that are down for both, for the prober alone, and for the API alone.
    let bothDown: Int64
    let proberAlone: Int64
    let apiAlone: Int64
    let requests: Int64
    let serverErrors: Int64
    /// Milliseconds at p50, p95, p99, and the most.
    let durations: [Int64]
    let differences: [Difference]

    var answered: Attainment { Attainment(good: requests - serverErrors, valid: requests) }
    var availability: Attainment { Attainment(good: served - failed, valid: served) }

    fileprivate init(_ row: Row, differences: [Difference]) throws {
        component = try row.optionalText("component")
        (total, served) = (try row.int("total"), try row.int("served"))
        (failed, troubled) = (try row.int("failed"), try row.int("troubled"))
        (bothDown, proberAlone) = (try row.int("both_down"), try row.int("prober_alone"))
        apiAlone = try row.int("api_alone")
        (requests, serverErrors) = (try row.int("requests"), try row.int("server_errors"))
        durations = try ["p50", "p95", "p99", "longest"].map { try row.int($0) }
        self.differences = differences
    }
}

extension SLAReader {
    /// Nil where no server of ours recorded a minute of the month.
    func apiMinutes() throws -> APIMinutes? {
        guard catalog.has(.servedMinute), let row = try rows("availability_within").first else { return nil }
        let differences = try rows("availability_differences").map { row in
            APIMinutes.Difference(
                prober: try row.text("prober"), api: try row.text("api"), startsAt: try row.instant("starts_at"),
                minutes: try row.int("minutes"), requests: try row.int("requests"),
                serverErrors: try row.int("server_errors"))
        }
        return try APIMinutes(row, differences: differences)
    }
}

extension SLATables {
    private static let withinName = "availability_within"
    private static let withinTitle = "API from within"

    /// The two tables of the API's own minutes; none where there are none.
    func within() -> [Table] {
        guard let minutes = figures.within else { return [] }
        return [summary(minutes), differences(minutes)]
    }

    /// A number of calls; how many all customers make together is no single customer's to know.
    private func calls(_ count: Int64) -> Cell { scope.onlyAccount == nil ? .integer(count) : .empty }

    private func prober(_ minutes: APIMinutes) -> AvailabilityFigure? {
        figures.availability.first { $0.component == minutes.component }
    }

    private func summary(_ minutes: APIMinutes) -> Table {
        let prober = prober(minutes)
        let counts: [(String, Int64?)] = [
            ("total_minutes", minutes.total), ("probed_minutes", prober?.monitored),
            ("probed_down_minutes", prober?.down), ("served_minutes", minutes.served),
            ("failed_minutes", minutes.failed), ("troubled_minutes", minutes.troubled),
            ("both_down_minutes", prober.map { _ in minutes.bothDown }),
            ("prober_alone_minutes", prober.map { _ in minutes.proberAlone }),
            ("api_alone_minutes", prober.map { _ in minutes.apiAlone }),
        ]
        return Table(
            name: Self.withinName, title: Self.withinTitle, note: Self.withinNote,
            columns: [Column("component", .text)]
                + (counts.map(\.0) + ["requests", "server_errors"]).map { Column($0, .integer) }
                + [Column("answered", .percent, title: "Answered %")]
                + ["p50", "p95", "p99", "max"].map { Column("\($0)_seconds", .seconds, title: "\($0) seconds") },
            rows: [
                [.optional(minutes.component)] + counts.map { .optional($0.1) }
                    + [calls(minutes.requests), calls(minutes.serverErrors), .optional(minutes.answered.percent)]
                    + minutes.durations.map { .duration(microseconds: $0 * 1_000) }
            ])
    }

    private static let withinNote =
        "What the API counted itself, minute by minute, beside its prober. A server that is down, or that nobody "
        + "reaches, counts nothing: the prober alone sees that, and its minutes alone are judged."

    private func differences(_ minutes: APIMinutes) -> Table {
        Table(
            name: "availability_differences", title: "API and prober apart",
            note: "Minutes that the prober found down in which the API answered somebody, and minutes in which every "
                + "call failed in the API and the prober found nothing, in stretches.",
            columns: [
                Column("component", .text), Column("starts_at", .instant, width: 34), Column("prober", .text),
                Column("api", .text, title: "API"), Column("minutes", .integer), Column("requests", .integer),
                Column("server_errors", .integer),
            ],
            rows: minutes.differences.map { difference in
                [
                    .optional(minutes.component), .instant(difference.startsAt), .text(difference.prober),
                    .text(difference.api), .integer(difference.minutes), calls(difference.requests),
                    calls(difference.serverErrors),
                ]
            })
    }

    /// The summary as the page has it: the two sources side by side.
    func withinSideBySide() -> Table? {
        guard let minutes = figures.within else { return nil }
        let prober = prober(minutes)
        let both = Cell.optional(prober.map { _ in minutes.bothDown })
        let seconds = minutes.durations.map { Cell.duration(microseconds: $0 * 1_000) }
        let rows: [(String, Cell, Cell)] = [
            ("Minutes of the month", .integer(minutes.total), .integer(minutes.total)),
            ("Minutes with a probe, with a call", .optional(prober?.monitored), .integer(minutes.served)),
            ("Minutes down: every probe, every call failed", .optional(prober?.down), .integer(minutes.failed)),
            ("Minutes down for both", both, both),
            (
                "Minutes down for this one alone", .optional(prober.map { _ in minutes.proberAlone }),
                .optional(prober.map { _ in minutes.apiAlone })
            ),
            (
                "Minutes up, % of those with a probe, with a call",
                .optional(prober.flatMap { Attainment(good: $0.monitored - $0.down, valid: $0.monitored).percent }),
                .optional(minutes.availability.percent)
            ),
            ("Minutes with an error of the server", .empty, .integer(minutes.troubled)),
            ("Calls", .empty, calls(minutes.requests)),
            ("Calls that ended with an error of the server", .empty, calls(minutes.serverErrors)),
            ("Calls without one, %", .empty, .optional(minutes.answered.percent)),
            ("p50: half of the calls were answered within, seconds", .empty, seconds[0]),
            ("p95: 95 of 100 calls were answered within, seconds", .empty, seconds[1]),
            ("p99: 99 of 100 calls were answered within, seconds", .empty, seconds[2]),
            ("The longest call, seconds", .empty, seconds[3]),
        ]
        return Table(
            name: Self.withinName, title: Self.withinTitle, note: Self.withinNote,
            columns: [
                Column("figure", .text, title: "Figure"),
                Column("prober", .integer, title: minutes.component.map { "Prober of \($0)" } ?? "Prober"),
                Column("api", .integer, title: "API itself"),
            ],
            rows: rows.filter { $0.1 != .empty || $0.2 != .empty }.map { [.text($0.0), $0.1, $0.2] })
    }
}
