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

    /// A promise of the summary.
    struct SummaryRow: Sendable {
        let title: String
        /// Its card on the page, where it has one.
        let links: [String]
        let promised: String
        let attained: String
        let counts: String
        let standing: String
        let standingStyle: String
        /// How much more or less than in the month before, where anybody knows.
        let changes: [String]
    }

    let title: String
    /// The size of the paper, as a style sheet names it.
    let paper: String
    let status: String
    let isFinal: Bool
    let sentence: String
    let hasBreach: Bool
    let facts: [Fact]
    let promises: [SummaryRow]
    let hasChanges: Bool
    /// The month before.
    let before: String
    let cards: [PromiseCard]
    let hasCards: Bool
    /// What the cards are about.
    let cardsTitle: String
    /// Promises that are broken to single customers, where the report is everybody's.
    let customers: [PageTable]
    let pictures: SLAPictures
    let tables: [PageTable]
    let definitions: [Definition]
    /// Instants and digests to the last digit.
    let exact: [Fact]
    let provenance: PageTable
    /// The digest of every SQL file.
    let queries: PageTable
    let closing: String

    init(
        scope: SLAScope, figures: SLAFigures, summary: SLASummary, tables: [Table], grids: [TrendGrid],
        definitions: [Definition], provenance: Table, paper: PaperSize
    ) {
        self.paper = paper.styleName
        let subject = scope.onlyAccount?.name ?? "all customers"
        let words = PromiseWords(scope)
        title = "Service level report, \(scope.request.month.title), \(subject)"
        status = summary.status
        isFinal = summary.status == "final"
        (sentence, hasBreach) = (summary.sentence, summary.isBroken)
        let exact = Facts(scope, status: summary.status)
        facts = Self.facts(scope)
        let explained = summary.promises.filter(words.needsExplaining)
        let builder = PromiseCards(words: words, figures: figures, tables: tables)
        cards = explained.enumerated().map { builder.card($1, number: $0 + 1) }
        hasCards = !cards.isEmpty
        cardsTitle = scope.isFinal ? "Broken promises" : "Promises at risk"
        let month = scope.request.month.adding(months: -1)
        before = month?.name ?? ""
        promises = summary.promises.map { promise in
            let standing = words.standing(promise)
            let number = explained.firstIndex(of: promise)
            return SummaryRow(
                title: words.title(promise), links: number.map { ["#" + PromiseCards.anchor($0 + 1)] } ?? [],
                promised: words.promised(promise), attained: words.attained(promise),
                counts: words.counts(promise) + Self.unmonitored(promise, figures),
                standing: standing.text, standingStyle: standing.style,
                changes: Self.change(promise, from: figures.history.points.filter { $0.month == month }))
        }
        hasChanges = promises.contains { !$0.changes.isEmpty }
        let shown = PageTables(words: words)
        customers = scope.onlyAccount == nil ? [Self.customers(summary, words)].compactMap(\.self) : []
        pictures = SLAPictures(figures, summary, scope, grids: grids)
        // Of one customer the promises stand in the summary.
        self.tables = tables.filter { scope.onlyAccount == nil || $0.name != "promises" }.map(shown.table)
        self.definitions = definitions
        self.exact = exact.period + exact.judgement
        let isFile = { (row: [Cell]) in row[0].plainText.hasPrefix("sql/") }
        self.provenance = PageTable(provenance.with(rows: provenance.rows.filter { !isFile($0) }))
        queries = PageTable(
            Table(
                name: "queries", title: "SQL files", note: "", columns: Array(provenance.columns.prefix(2)),
                rows: provenance.rows.filter(isFile).map { Array($0.prefix(2)) }))
        closing =
            "Judged as of \(scope.clock.text(scope.current.cutoff)), \(scope.timeZone). "
            + "The same database gives the same page, byte for byte."
    }

    /// What identifies the report, for people.
    private static func facts(_ scope: SLAScope) -> [Fact] {
        let (clock, period) = (scope.clock, scope.current.period)
        return (scope.onlyAccount.map { [Fact(term: "Customer", value: "\($0.name) (\($0.slug))")] } ?? [])
            + [
                Fact(term: "Period", value: "\(clock.text(period.start)) to \(clock.text(period.end))"),
                Fact(
                    term: "Time zone",
                    value: scope.onlyAccount?.zoneText(of: scope.request.month) ?? scope.timeZone),
                Fact(term: "Judged as of", value: clock.text(scope.current.cutoff)),
            ]
            + (scope.isFinal ? [] : [Fact(term: "Final from", value: clock.text(scope.finalityAt))])
            + (scope.snapshotRemark.map { [Fact(term: "Read", value: $0)] } ?? [])
            + scope.contracts.map { contract in
                Fact(term: "Contract", value: "\(contract.profile.name), version \(contract.profile.version)")
            }
    }

    private static func change(_ promise: Promise, from before: [TrendPoint]) -> [String] {
        let own = before.first { $0.promise == promise.name && $0.subject.utf8.elementsEqual(promise.subject.utf8) }
        guard let now = promise.attained, promise.attainment.valid > 0, let then = own?.attained else { return [] }
        return [now.difference(from: then)]
    }

    /// Minutes of which nobody knows, where they could have broken what is kept.
    private static func unmonitored(_ promise: Promise, _ figures: SLAFigures) -> String {
        guard promise.name == .availability, promise.verdict == .pass, let target = promise.target,
            let figure = figures.availability.first(where: {
                $0.component.utf8.elementsEqual(promise.subject.utf8)
            }),
            let worst = figure.worstCase.percent, worst < target
        else { return "" }
        let minutes = GroupedNumber.text(figure.total - figure.monitored)
        return "; \(minutes) min not monitored, at worst \(worst) %"
    }

    private static func customers(_ summary: SLASummary, _ words: PromiseWords) -> PageTable? {
        let each = summary.all.filter { !$0.account.isEmpty && words.needsExplaining($0) }
        guard !each.isEmpty else { return nil }
        // Who has to be spoken to first stands first: whose most promises are broken.
        let counts = Dictionary(grouping: each, by: \.account).mapValues(\.count)
        let accounts = Set(counts.values).sorted(by: >).flatMap { count in
            counts.keys.filter { counts[$0] == count }.inNaturalOrder(of: \.self)
        }
        let own = Dictionary(grouping: each, by: \.account)
        let broken = accounts.flatMap { own[$0] ?? [] }
        return PageTable(
            Table(
                name: "customers", title: "Customer by customer", note: "",
                columns: [
                    Column("customer", .text), Column("promise", .text), Column("promised", .text),
                    Column("attained", .text), Column("counted", .text), Column("verdict", .text),
                ],
                rows: broken.map { promise in
                    [
                        .text(words.customer(promise.account)), .text(words.title(promise)),
                        .text(words.promised(promise)), .text(words.attained(promise)), .text(words.counts(promise)),
                        SLASummary.verdict(promise.verdict, promise.budget, isFinal: words.scope.isFinal),
                    ]
                }),
            remainder: broken.count > Limits.pageRows
                ? "\(GroupedNumber.text(Int64(broken.count - Limits.pageRows))) more are among the promises below." : ""
        )
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

        init(_ scope: SLAScope, status: String) {
            subject = [
                Fact(term: "Month", value: scope.request.month.title),
                Fact(
                    term: "Customer", value: scope.onlyAccount.map { "\($0.name) (\($0.slug))" } ?? "everybody"),
                Fact(term: "Status", value: status),
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
                + (scope.snapshotRemark.map { [Fact(term: "Read", value: $0)] } ?? [])
                + scope.contracts.map { contract in
                    Fact(
                        term: "Contract profile",
                        value: "\(contract.profile.name), version \(contract.profile.version), SHA-256 "
                            + contract.sha256)
                }
        }
    }
}

extension Table {
    /// The same with other rows.
    fileprivate func with(rows: [[Cell]]) -> Table {
        var table = self
        table.rows = rows
        return table
    }
}
