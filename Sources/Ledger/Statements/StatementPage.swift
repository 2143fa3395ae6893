import Documents
import Domain
import Schema

/// What the page of a statement shows: stored, preformatted values, because a template sees nothing else.
struct StatementPage: Sendable {
    struct Fact: Sendable {
        let term: String
        let value: String
    }

    /// Somebody whose name and address stand on the first page.
    struct Party: Sendable {
        let heading: String
        let name: String
        let lines: [String]
    }

    struct SummaryRow: Sendable {
        let title: String
        let purchased: String
        let bonus: String
        let credits: String
        /// The same line of the month before; empty where that is not known.
        let before: String
        /// CSS classes: `balance` for the two balances, `bad` for a check that is not 0.
        let style: String
    }

    /// What was used, or how it is paid.
    struct AmountRow: Sendable {
        let title: String
        let videos: String
        let credits: String
        let unitPrice: String
        let amount: String
        /// The amount of the month before.
        let before: String
        /// `balance` for a total.
        let style: String
    }

    /// What is around the book on the page.
    struct Surroundings {
        let subject: StatementAccount
        let request: StatementRequest
        let settings: StatementReport.Settings
        let clock: LocalClock
        let amounts: StatementAmounts
        /// Nil where nothing is known of it.
        let last: LastMonth?
    }

    /// Where the rows of the entries go.
    let entriesMark = PageRows.mark("entries")

    let number: String
    let title: String
    let customer: String
    let issuer: String
    let hasIssuer: Bool
    /// `A4`, as a style sheet names a page's size.
    let paper: String
    let notInvoice: String
    let parties: [Party]
    let status: String
    let isFinal: Bool
    let sentence: String
    let isWhole: Bool
    let facts: [Fact]
    let clockFacts: [Fact]
    /// The month before, where something of it is known.
    let last: String
    let hasLast: Bool
    let hasLastAmounts: Bool
    let lastNote: String
    /// What is frozen and neither spent nor back, where there is something.
    let heldNote: String
    let used: [AmountRow]
    let hasUnitPrices: Bool
    let paid: [AmountRow]
    let hasPaidCredits: Bool
    let paidNote: String
    let movements: [SummaryRow]
    let checks: [SummaryRow]
    let hasEntries: Bool
    let entriesNote: String
    let entriesRemainder: String
    let packages: PageRows
    let expiry: String
    /// Usage by day and by API key.
    let uses: [PageRows]
    let tables: [PageRows]
    let provenance: PageRows
    let closing: String

    /// What goes where the template left a mark, besides the entries.
    var parts: [PageRows] { [packages] + uses + tables + [provenance] }

    init(
        _ around: Surroundings, layout: StatementTables, uses: [Table], tables: [Table], provenance: Table, entries: Int
    ) {
        let (subject, clock, book) = (around.subject, around.clock, layout.book)
        number = "\(subject.account.slug)-\(around.request.month)"
        title = "Statement of credits, \(around.request.month.title)"
        customer = subject.account.name
        issuer = around.settings.issuer
        hasIssuer = !issuer.isEmpty
        paper = around.settings.paper.styleName
        notInvoice = StatementWords.notInvoice(subject.account)
        parties = Self.parties(around.settings, subject.account)
        status = subject.scope.isFinal ? "final" : "preliminary"
        isFinal = subject.scope.isFinal
        (sentence, isWhole) = book.summary.verdict
        facts = Self.facts(subject, clock: clock)
        clockFacts = Self.clockFacts(subject, clock: clock)
        last = around.last?.month.title ?? ""
        hasLast = around.last != nil
        hasLastAmounts = around.last?.amounts != nil
        lastNote = around.last.map(Self.lastNote) ?? ""
        heldNote = Self.heldNote(book.summary)
        let amounts = around.amounts
        used = amounts.used
        hasUnitPrices = amounts.used.contains { !$0.unitPrice.isEmpty }
        paid = amounts.paid
        hasPaidCredits = amounts.paid.contains { !$0.credits.isEmpty }
        paidNote = amounts.paidNote
        movements = ([.openingBalance] + StatementLine.movements + [.closingBalance]).map { line in
            Self.row(line, book: book, last: around.last)
        }
        checks =
            [.heldOpening, .heldClosing, .delivered, .singleVideos].map { Self.row($0, book: book, last: nil) }
            + StatementLine.checks.map { Self.row($0, book: book, last: nil) }
        hasEntries = entries > 0
        entriesNote = "Every movement of the month in \(subject.account.timeZone), with the balance after it."
        let hidden = entries - Limits.statementPageEntries
        entriesRemainder = hidden > 0 ? "\(hidden) more entries are in entries.csv and on the sheet Entries." : ""
        packages = PageRows(
            layout.packages.pageTable(book, clock: clock), limit: Limits.statementPageEntries, clock: clock)
        expiry = layout.packages.expirySentence(book, clock: clock)
        // What was granted stands with how it is used, before the annex.
        let granted = tables.filter { $0.name == "service_credits" }
        self.uses = (granted + uses).map { PageRows($0, limit: Limits.statementPageEntries, clock: clock) }
        let elsewhere: Set<String> = ["summary", "packages", "service_credits"]
        self.tables = tables.filter {
            !elsewhere.contains($0.name) && !($0.name == "differences" && $0.rows.isEmpty)
        }.map { Self.rows($0, clock: clock) }
        self.provenance = PageRows(provenance, limit: .max, clock: clock)
        closing = Self.closing(subject, clock: clock)
    }

    /// A table as it fits on paper: one instant per batch.
    private static func rows(_ table: Table, clock: LocalClock) -> PageRows {
        let hidden = ["open_batches": "settled_at", "batches": "created_at"][table.name]
        return PageRows(table, limit: Limits.statementPageEntries, clock: clock, hiding: hidden)
    }

    private static func row(_ line: StatementLine, book: StatementBook, last: LastMonth?) -> SummaryRow {
        let isBalance = line == .openingBalance || line == .closingBalance
        let isSplit = isBalance || StatementLine.movements.contains(line)
        let whole = book.summary[line]
        let bonus = isSplit ? book.bonus[line] : nil
        func text(_ value: Int64?) -> String { value.map { GroupedNumber.text($0) } ?? "" }
        let isBad = StatementLine.checks.contains(line) && (whole ?? 0) != 0
        return SummaryRow(
            title: line.title, purchased: text(bonus.flatMap { bonus in whole.map { $0 - bonus } }), bonus: text(bonus),
            credits: text(whole), before: text(last?.lines[line]), style: isBalance ? "balance" : isBad ? "bad" : "")
    }
}

/// The words around the figures.
extension StatementPage {
    private static func parties(_ settings: StatementReport.Settings, _ account: Account) -> [Party] {
        let billing = account.billing
        func vat(_ id: String) -> [String] { id.isEmpty ? [] : ["VAT id \(id)"] }
        let issuer =
            settings.issuer.isEmpty
            ? [] : [Party(heading: "From", name: settings.issuer, lines: vat(settings.issuerVATID))]
        return issuer + [
            Party(
                heading: "To", name: billing.name.isEmpty ? account.name : billing.name,
                lines: billing.addressLines + vat(billing.vatID))
        ]
    }

    private static func facts(_ subject: StatementAccount, clock: LocalClock) -> [Fact] {
        let account = subject.account
        let date =
            subject.scope.isCutoffNow
            ? "none yet" : StatementWords.day(clock.text(min(subject.cutoff, subject.scope.finalityAt)))
        let reference = account.billing.reference
        return [
            Fact(term: "Period", value: StatementWords.period(subject.period, clock: clock)),
            Fact(term: "Statement date", value: date),
            Fact(term: "Customer", value: "\(account.name) (\(account.slug))"),
            Fact(term: "Plan", value: subject.planText),
            Fact(term: "Currency", value: StatementAccount.currencyText),
        ] + (reference.isEmpty ? [] : [Fact(term: "Your reference", value: reference)]) + [
            Fact(term: "All times by the clocks of", value: zone(subject, clock))
        ]
    }

    /// The zone with its offsets: two where its clocks changed in the month.
    private static func zone(_ subject: StatementAccount, _ clock: LocalClock) -> String {
        let (start, end) = (
            StatementWords.offset(clock, at: subject.period.start),
            StatementWords.offset(clock, at: subject.period.end.adding(seconds: -1))
        )
        return subject.zoneText == start
            ? start
            : "\(subject.zoneText) (\(start == end ? start : "\(start), later \(end)"))"
    }

    /// What places the month exactly, for who checks it.
    private static func clockFacts(_ subject: StatementAccount, clock: LocalClock) -> [Fact] {
        let contract = subject.contract
        return [
            Fact(term: "Period from", value: clock.text(subject.period.start)),
            Fact(term: "Period to (exclusive)", value: clock.text(subject.period.end)),
            Fact(term: "The same in UTC", value: "\(subject.period.start) to \(subject.period.end)"),
            Fact(
                term: "Contract profile",
                value: "\(contract.profile.name), version \(contract.profile.version), SHA-256 \(contract.sha256)"),
        ]
    }

    private static func lastNote(_ last: LastMonth) -> String {
        last.amounts == nil
            ? "\(last.month.title) is not closed: its balances stand beside, its amounts in its own statement." : ""
    }

    private static func heldNote(_ summary: StatementSummary) -> String {
        guard summary.heldClosing != 0 else { return "" }
        return "\(GroupedNumber.text(summary.heldClosing)) credits were frozen at the end for batches that are not "
            + "settled yet: they are spent or come back with those, which the annex lists."
    }

    private static func closing(_ subject: StatementAccount, clock: LocalClock) -> String {
        let asOf = subject.scope.isCutoffNow ? subject.asOf : clock.shortText(subject.cutoff)
        return "Judged as of \(asOf). Wallet and expired credit as of the snapshot that manifest.json names."
    }
}
