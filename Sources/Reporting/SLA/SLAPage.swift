import Domain

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

    init(scope: SLAScope, tables: [Table], grids: [TrendGrid], definitions: [Definition], provenance: Table) {
        let subject = scope.onlyAccount?.name ?? "all customers"
        title = "Service level report, \(scope.request.month.title), \(subject)"
        status = scope.isFinal ? "final" : "preliminary"
        isFinal = scope.isFinal
        (sentence, hasBreach) = Self.verdict(tables[0], scope: scope)
        facts = Self.facts(scope).map { Fact(term: $0.0, value: $0.1) }
        promises = PageTable(Self.widest(tables[0], scope: scope))
        charts = grids.compactMap { PageChart($0) }
        hasCharts = !charts.isEmpty
        self.tables = tables.filter { $0.name != "trend" }.map { PageTable($0) }
        self.definitions = definitions
        self.provenance = PageTable(provenance)
        closing = "Judged as of \(scope.current.cutoff). The same database gives the same page, byte for byte."
    }

    /// What identifies a report, in the order in which people look for it.
    static func facts(_ scope: SLAScope) -> [(String, String)] {
        var facts = [
            ("Month", scope.request.month.title),
            ("Customer", scope.onlyAccount.map { "\($0.name) (\($0.slug))" } ?? "everybody"),
            ("Status", scope.isFinal ? "final" : "preliminary"),
            ("Time zone", scope.onlyAccount?.zoneText(of: scope.request.month) ?? scope.timeZone),
            ("Period from", scope.current.period.start.description),
            ("Period to (exclusive)", scope.current.period.end.description),
            ("Judged as of (cutoff)", scope.current.cutoff.description),
            ("Final from", scope.finalityAt.description),
        ]
        facts += scope.contracts.map { contract in
            (
                "Contract profile",
                "\(contract.profile.name), version \(contract.profile.version), SHA-256 \(contract.sha256)"
            )
        }
        return facts
    }

    /// The rows of the first table that are about the whole report: everybody, or its one account.
    static func widest(_ promises: Table, scope: SLAScope) -> Table {
        var table = promises
        let own = scope.onlyAccount?.slug ?? ""
        table.rows = promises.rows.filter { $0[1] == .text("") || $0[1] == .text(own) }
        return table
    }

    /// The report in one sentence: how it went on the whole, and then account by account.
    static func verdict(_ promises: Table, scope: SLAScope) -> (sentence: String, hasBreach: Bool) {
        func count(_ verdict: Verdict, in rows: [[Cell]]) -> Int { rows.filter { $0.last == .verdict(verdict) }.count }
        let whole = widest(promises, scope: scope).rows
        let breaches = count(.breach, in: whole)
        let passes = count(.pass, in: whole)
        let unknown = count(.insufficientData, in: whole)
        var sentence = "\(passes) \(passes == 1 ? "promise was" : "promises were") kept and \(breaches) broken"
        if breaches == 0 && passes == 0 { sentence = "There was nothing to judge" }
        if unknown > 0 { sentence += "; \(unknown) could not be judged for want of data" }
        let everything = count(.breach, in: promises.rows)
        if everything > breaches {
            sentence +=
                "; account by account, \(count(.pass, in: promises.rows) - passes) were kept "
                + "and \(everything - breaches) broken"
        }
        return (sentence + (scope.isFinal ? "." : ", so far."), everything > 0)
    }
}
