import Documents
import Domain
import Schema

/// What the SLA page shows: stored, preformatted values, because a template sees nothing else.
struct SLAPage: Sendable {
    struct Fact: Sendable {
        let term: String
        let value: String
    }

    struct Definition: Sendable {
        let term: String
        let text: String
    }

    let title: String
    let status: String
    let isFinal: Bool
    let sentence: String
    let hasBreach: Bool
    let facts: [Fact]
    let promises: PageTable
    let charts: [PageChart]
    let hasCharts: Bool
    let tables: [PageTable]
    let definitions: [Definition]
    let provenance: PageTable
    let closing: String

    init(
        scope: SLAScope, summary: SLASummary, tables: [Table], grids: [TrendGrid], definitions: [Definition],
        provenance: Table
    ) {
        let subject = scope.onlyAccount?.name ?? "all customers"
        title = "Service level report, \(scope.request.month.title), \(subject)"
        status = scope.isFinal ? "final" : "preliminary"
        isFinal = scope.isFinal
        (sentence, hasBreach) = (summary.sentence, summary.hasBreach)
        facts = Facts(scope).all
        promises = PageTable(summary.widestTable)
        charts = grids.compactMap { PageChart($0) }
        hasCharts = !charts.isEmpty
        self.tables = tables.map { PageTable($0) }
        self.definitions = definitions
        self.provenance = PageTable(provenance)
        closing = "Judged as of \(scope.current.cutoff). The same database gives the same page, byte for byte."
    }

    /// What identifies a report.
    struct Facts: Sendable {
        /// Whose month it is.
        let subject: [Fact]
        /// From when to when the month is.
        let period: [Fact]
        /// As of when it is judged, and by which contracts.
        let judgement: [Fact]

        /// In the order in which people look for them.
        var all: [Fact] { subject + period + judgement }

        init(_ scope: SLAScope) {
            subject = [
                Fact(term: "Month", value: scope.request.month.title),
                Fact(
                    term: "Customer", value: scope.onlyAccount.map { "\($0.name) (\($0.slug))" } ?? "everybody"),
                Fact(term: "Status", value: scope.isFinal ? "final" : "preliminary"),
            ]
            period = [
                Fact(
                    term: "Time zone",
                    value: scope.onlyAccount?.zoneText(of: scope.request.month) ?? scope.timeZone),
                Fact(term: "Period from", value: scope.current.period.start.description),
                Fact(term: "Period to (exclusive)", value: scope.current.period.end.description),
            ]
            judgement =
                [
                    Fact(term: "Judged as of (cutoff)", value: scope.current.cutoff.description),
                    Fact(term: "Final from", value: scope.finalityAt.description),
                ]
                + scope.contracts.map { contract in
                    Fact(
                        term: "Contract profile",
                        value: "\(contract.profile.name), version \(contract.profile.version), SHA-256 "
                            + contract.sha256)
                }
        }
    }
}
