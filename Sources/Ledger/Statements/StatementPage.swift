import Documents
import Domain
import Schema

/// What the page of a statement shows: stored, preformatted values, because a template sees nothing else.
struct StatementPage: Sendable {
    struct Fact: Sendable {
        let term: String
        let value: String
    }

    struct SummaryRow: Sendable {
        let title: String
        let purchased: String
        let bonus: String
        let credits: String
        /// CSS classes: `balance` for the two balances, `bad` for a check that is not 0.
        let style: String
    }

    /// Where the rows of the entries go.
    let entriesMark = PageRows.mark("entries")

    let number: String
    let title: String
    let customer: String
    let issuer: String
    let hasIssuer: Bool
    let status: String
    let isFinal: Bool
    let sentence: String
    let isWhole: Bool
    let facts: [Fact]
    let movements: [SummaryRow]
    let checks: [SummaryRow]
    let hasEntries: Bool
    let entriesNote: String
    let entriesRemainder: String
    let tables: [PageRows]
    let provenance: PageRows
    let closing: String

    /// What goes where the template left a mark, besides the entries.
    var parts: [PageRows] { tables + [provenance] }

    init(
        subject: StatementAccount, request: StatementRequest, issuer: String, clock: LocalClock, book: StatementBook,
        tables: [Table], provenance: Table, entries: Int
    ) {
        number = "\(subject.account.slug)-\(request.month)"
        title = "Statement of credits, \(request.month.title)"
        customer = subject.account.name
        self.issuer = issuer
        hasIssuer = !issuer.isEmpty
        status = subject.scope.isFinal ? "final" : "preliminary"
        isFinal = subject.scope.isFinal
        (sentence, isWhole) = Self.verdict(book.summary)
        facts = Self.facts(subject, clock: clock)
        movements = ([.openingBalance] + StatementLine.movements + [.closingBalance]).map { line in
            Self.row(line, book: book)
        }
        checks =
            [.heldOpening, .heldClosing, .delivered, .singleVideos].map { Self.row($0, book: book) }
            + StatementLine.checks.map { Self.row($0, book: book) }
        hasEntries = entries > 0
        entriesNote = "Every movement of the month in \(subject.account.timeZone), with the balance after it."
        let hidden = entries - Limits.statementPageEntries
        entriesRemainder = hidden > 0 ? "\(hidden) more entries are in entries.csv and on the sheet Entries." : ""
        self.tables = tables.filter { $0.name != "summary" && !($0.name == "differences" && $0.rows.isEmpty) }.map {
            Self.rows($0, clock: clock)
        }
        self.provenance = PageRows(provenance, limit: .max, clock: clock)
        closing =
            "Judged as of \(subject.asOf). Wallet and expired credit as of the snapshot that manifest.json names."
    }

    /// A table as it fits on paper: one instant per batch.
    private static func rows(_ table: Table, clock: LocalClock) -> PageRows {
        let hidden = ["open_batches": "settled_at", "batches": "created_at"][table.name]
        return PageRows(table, limit: Limits.statementPageEntries, clock: clock, hiding: hidden)
    }

    private static func row(_ line: StatementLine, book: StatementBook) -> SummaryRow {
        let isBalance = line == .openingBalance || line == .closingBalance
        let isSplit = isBalance || StatementLine.movements.contains(line)
        let whole = book.summary[line]
        let bonus = isSplit ? book.bonus[line] : nil
        func text(_ value: Int64?) -> String { value.map { GroupedNumber.text($0) } ?? "" }
        let isBad = StatementLine.checks.contains(line) && (whole ?? 0) != 0
        return SummaryRow(
            title: line.title, purchased: text(bonus.flatMap { bonus in whole.map { $0 - bonus } }), bonus: text(bonus),
            credits: text(whole), style: isBalance ? "balance" : isBad ? "bad" : "")
    }

    /// The statement in one sentence: whether the month is reconciled to the last credit.
    static func verdict(_ summary: StatementSummary) -> (sentence: String, isWhole: Bool) {
        let broken = StatementLine.checks.compactMap { line -> String? in
            guard let credits = summary[line], credits != 0 else { return nil }
            return "\(GroupedNumber.text(credits)) \(Self.word(line))"
        }
        guard !broken.isEmpty else {
            let made = StatementLine.checks.filter { summary[$0] != nil }.map { "0 \(word($0))" }
            let missing = made.count < StatementLine.checks.count ? " The database has no wallets to compare with." : ""
            return ("Reconciled to the last credit: \(made.joined(separator: ", ")).\(missing)", true)
        }
        return (
            "Not whole: \(broken.joined(separator: ", ")). The differences below say which rows are to blame.", false
        )
    }

    private static func word(_ line: StatementLine) -> String {
        switch line {
        case .unreconciled: "unreconciled"
        case .expiredUnbooked: "expired and not booked"
        default: "unexplained"
        }
    }

    private static func facts(_ subject: StatementAccount, clock: LocalClock) -> [Fact] {
        let contract = subject.contract
        let date =
            subject.scope.isCutoffNow
            ? "none yet" : String(clock.text(min(subject.cutoff, subject.scope.finalityAt)).prefix(10))
        return [
            Fact(term: "Customer", value: "\(subject.account.name) (\(subject.account.slug))"),
            Fact(term: "Plan", value: subject.planText),
            Fact(term: "Statement date", value: date),
            Fact(term: "Time zone", value: subject.zoneText),
            Fact(term: "Period from", value: clock.text(subject.period.start)),
            Fact(term: "Period to (exclusive)", value: clock.text(subject.period.end)),
            Fact(term: "The same in UTC", value: "\(subject.period.start) to \(subject.period.end)"),
            Fact(term: "Currency", value: StatementAccount.currencyText),
            Fact(
                term: "Contract profile",
                value: "\(contract.profile.name), version \(contract.profile.version), SHA-256 \(contract.sha256)"),
        ]
    }
}

/// A table whose rows are written as HTML without the template engine, which takes its time for every cell: a statement
/// may list thousands of batches. The engine renders its head and leaves a mark where the rows go.
struct PageRows: Sendable {
    let table: PageTable
    let isEmpty: Bool
    /// Private-use scalars around the table's name, so that no escaping meets them.
    let mark: String
    let html: [UInt8]

    /// - Parameters:
    ///   - clock: Instants are shown as it shows them to people. Whole numbers are grouped.
    ///   - column: The id of a column that the page has no room for.
    init(_ table: Table, limit: Int, clock: LocalClock, hiding column: String? = nil) {
        let hidden = table.columns.firstIndex { $0.id == column }
        let columns = table.columns.filter { $0.id != column }
        let head = Table(name: table.name, title: table.title, note: table.note, columns: columns)
        self.table = PageTable(head, totalRows: max(table.rows.count - limit, 0))
        isEmpty = table.rows.isEmpty
        mark = Self.mark(table.name)
        var bytes: [UInt8] = []
        let tags = table.columns.enumerated().map { index, column in
            let style = column.kind.isNumeric ? "n" : column.kind == .identifier ? "id" : ""
            let (tag, scope) = index == 0 ? ("th", " scope=\"row\"") : ("td", "")
            let name = style.isEmpty ? "" : " class=\"\(style)\""
            return (open: Array("<\(tag)\(scope)\(name)>".utf8), close: Array("</\(tag)>".utf8))
        }
        for row in table.rows.prefix(limit) {
            bytes.append(contentsOf: "<tr>".utf8)
            for (index, cell) in row.enumerated() where index != hidden {
                bytes.append(contentsOf: tags[index].open)
                switch cell {
                case .integer(let number): GroupedNumber.append(number, to: &bytes)
                case .instant(let instant): clock.appendShort(instant, to: &bytes)
                case .dollars(let amount) where table.columns[index].id == "amount_usd":
                    bytes.append(contentsOf: GroupedNumber.text(amount).drop { $0 == "$" }.utf8)
                default: ScalarEscaping.appendWords(cell.plainText, to: &bytes)
                }
                bytes.append(contentsOf: tags[index].close)
            }
            bytes.append(contentsOf: "</tr>\n".utf8)
        }
        html = bytes
    }

    static func mark(_ name: String) -> String { "\u{E000}\(name)\u{E001}" }

    /// Puts rows in the places that the engine left for them. A mark is looked for from the end: a customer's name
    /// comes before it.
    static func splice(_ parts: [(mark: String, html: [UInt8])], into page: String) -> [UInt8] {
        let head = Array(page.utf8)
        let places = parts.compactMap { part in
            let mark = Array(part.mark.utf8)
            return head.lastIndex(of: mark).map { (range: $0..<($0 + mark.count), html: part.html) }
        }.sorted { $0.range.lowerBound < $1.range.lowerBound }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head.count + parts.reduce(0) { $0 + $1.html.count })
        var position = 0
        for place in places {
            bytes.append(contentsOf: head[position..<place.range.lowerBound])
            bytes.append(contentsOf: place.html)
            position = place.range.upperBound
        }
        bytes.append(contentsOf: head[position...])
        return bytes
    }
}

extension [UInt8] {
    /// Where a piece comes last; nil where it does not come.
    fileprivate func lastIndex(of piece: [UInt8]) -> Int? {
        guard let first = piece.first, count >= piece.count else { return nil }
        var start = count - piece.count
        while start >= 0 {
            if self[start] == first, self[start..<(start + piece.count)].elementsEqual(piece) { return start }
            start -= 1
        }
        return nil
    }
}
