import Documents
import Domain
import Foundation
import Schema
import Spreadsheet

/// Posts the rows of one account in the order in which they count: those before the month by what they move alone,
/// then those that its statement shows.
///
/// A row that appeared after its month was closed is late: it counts at the end of the month that was closed last by
/// then, also in every later statement, so that what was stated keeps the credit that it took.
struct StatementPosting {
    typealias KeptRow = (id: Int64, credits: Int64)

    let subject: StatementAccount
    let number: Int64
    let reader: StatementReader
    /// Nil where no ledger row was carried forward.
    let carried: CarriedLedger?
    /// True for whoever closes the month.
    let keepsRows: Bool

    /// What the rows before the month come to.
    private struct History {
        var batches: [StatementBatch]
        var prior: PriorLedger
        /// Late rows that the month lists, with the close that made each late.
        var listed: [(id: Int64, close: ClosedRows.Close)] = []
        var kept: [KeptRow] = []
    }

    /// Gives the book before it is finished and, where they are kept, the rows that no closed month had.
    func post(into writer: EntryWriter) throws -> (StatementBook, [KeptRow]) {
        try post { try writer.write($0, late: $1) }
    }

    /// The same with every line of the month handed out as it is posted, and the close that made it late.
    func post(
        each write: (StatementBook.Line, ClosedRows.Close?) throws -> Void
    ) throws -> (StatementBook, [KeptRow]) {
        let closed = try reader.closedRows(of: subject)
        let sums = reader.sums(of: number)
        var history = try history(closed, sums)
        if sums.unpriced > 0 {
            history.prior.unpricedPurchases = try reader.unpricedPurchases(of: subject).filter { purchase in
                purchase.postedAt.map { effectiveAt(purchase.id, $0, closed) < subject.known.start } ?? false
            }
        }
        var book = StatementBook(
            period: subject.known, plan: subject.account.plan, batches: history.batches, total: sums.total,
            prior: history.prior)
        var kept = history.kept
        func post(_ entry: StatementEntry, late: ClosedRows.Close? = nil) throws {
            if keepsRows, !entry.isCarriedForward, !closed.contains(entry.id) { kept.append((entry.id, entry.credits)) }
            if let line = book.post(entry, effectiveAt: late?.end) { try write(line, late) }
        }
        // What is late counts at one instant, so it comes before the first row that is not earlier.
        let closes = Dictionary(history.listed.map { ($0.id, $0.close) }) { first, _ in first }
        var late = LateRows<StatementEntry>()
        for entry in try reader.entries(history.listed.map(\.id), of: subject) {
            if let close = closes[entry.id] { late.add(entry, close) }
        }
        try reader.forEachEntry(of: number) { entry in
            guard let postedAt = entry.postedAt else { return try post(entry) }
            if !entry.isCarriedForward, let close = closed.late(entry.id, postedAt) {
                if close.end < subject.known.end { late.add(entry, close) }
                return
            }
            for (entry, close) in late.take(through: postedAt) { try post(entry, late: close) }
            try post(entry)
        }
        for (entry, close) in late.take() { try post(entry, late: close) }
        book.settleSingles(try reader.charges(book.singleReferences, of: subject))
        return (book, kept)
    }

    private func history(_ closed: ClosedRows, _ sums: StatementReader.Sums) throws -> History {
        let batches = try reader.batches(of: number)
        guard reader.scope.needsHistory(subject) else {
            return History(batches: batches, prior: PriorLedger(balance: sums.opening, bonus: sums.openingBonus))
        }
        let places = Dictionary(batches.enumerated().map { (BatchReference($1.id), $0) }) { first, _ in first }
        let plan = subject.account.plan
        let costs = carried.map { $0.costBook(of: subject.account.userID) } ?? CostBook()
        var history = History(batches: batches, prior: PriorLedger(plan: plan, costs: costs))
        var late = LateRows<Movement>()
        func post(_ movement: Movement) {
            if keepsRows, !movement.isCarriedForward, !closed.contains(movement.entry) {
                history.kept.append((movement.entry, movement.credits))
            }
            var movement = movement
            if let batch = movement.batch, let place = places[batch] {
                history.batches[place].postBefore(movement)
                movement.model = batches[place].model(orElse: movement.model)
            }
            history.prior.post(movement)
        }
        try reader.forEachMovement(of: number) { movement in
            guard let postedAt = movement.postedAt else { return post(movement) }
            if !movement.isCarriedForward, let close = closed.late(movement.entry, postedAt) {
                if close.end < subject.known.start {
                    late.add(movement, close)
                } else if close.end < subject.known.end {
                    history.listed.append((movement.entry, close))
                }
            } else {
                for (movement, _) in late.take(through: postedAt) { post(movement) }
                post(movement)
            }
        }
        for (movement, _) in late.take() { post(movement) }
        return history
    }

    /// When a row that was not carried forward counts.
    private func effectiveAt(_ id: Int64, _ postedAt: Instant, _ closed: ClosedRows) -> Instant {
        closed.late(id, postedAt)?.end ?? postedAt
    }
}

/// Rows that wait for the instant at which they count. They come in the order of their own.
private struct LateRows<Row> {
    private var rows: [(row: Row, close: ClosedRows.Close)] = []

    /// The earliest instant at which one of them counts.
    private var nextAt: Instant?

    mutating func add(_ row: Row, _ close: ClosedRows.Close) {
        rows.append((row, close))
        nextAt = min(nextAt ?? close.end, close.end)
    }

    /// Takes those that count by an instant, or all: the earliest close first.
    mutating func take(through instant: Instant? = nil) -> [(Row, ClosedRows.Close)] {
        guard let nextAt, instant.map({ nextAt <= $0 }) ?? true else { return [] }
        let due = rows.indices.filter { index in instant.map { rows[index].close.end <= $0 } ?? true }
        let taken = due.sorted { (rows[$0].close.end, $0) < (rows[$1].close.end, $1) }.map { rows[$0] }
        for index in due.reversed() { rows.remove(at: index) }
        self.nextAt = rows.map(\.close.end).min()
        return taken.map { ($0.row, $0.close) }
    }
}

/// Writes the entries of one statement, row by row as they come: into the CSV file, onto the sheets and, as many as a
/// page has room for, into the page's table.
final class EntryWriter {
    private let csv: FileSink?
    /// What every row of the file begins with.
    private let leading: [UInt8]
    private let workbook: StatementWorkbook?
    private let clock: LocalClock
    private let keepsPageRows: Bool
    /// The rows of the page's table as HTML.
    private(set) var pageRows: [UInt8] = []
    private(set) var count = 0

    init(
        csv: FileSink?, leading: [(column: Column, cell: Cell)], workbook: StatementWorkbook?, clock: LocalClock,
        keepsPageRows: Bool
    ) throws {
        self.csv = csv
        self.leading = Self.fields(leading.map(\.cell))
        self.workbook = workbook
        self.clock = clock
        self.keepsPageRows = keepsPageRows
        if let csv {
            try csv.write(CSVEncoder.byteOrderMark)
            try csv.append { CSVEncoder.appendHeader(leading.map(\.column) + StatementTables.entryColumns, to: &$0) }
        }
    }

    /// `late` is the close after which the row appeared, where it belongs to that month or an earlier one.
    func write(_ line: StatementBook.Line, late: ClosedRows.Close?) throws {
        let entry = line.entry
        let description = describe(line, late: late)
        if let csv { try csv.append { appendCSV(line, description: description, to: &$0) } }
        if let workbook {
            let cells: [Cell] = [
                .text(String(entry.id)), entry.postedAt.map(Cell.instant) ?? .empty, .text(entry.type),
                .text(line.model), .text(entry.bucket), .integer(entry.credits), .integer(line.balance),
                .text(entry.referenceType), .text(entry.referenceID), .text(description),
            ]
            try workbook.writeEntry(cells)
        }
        if keepsPageRows, count < Limits.statementPageEntries { appendPageRow(line, description: description) }
        count += 1
    }

    private func describe(_ line: StatementBook.Line, late closed: ClosedRows.Close?) -> String {
        let description = line.entry.description(model: line.model)
        guard let closed, let postedAt = line.entry.postedAt else { return description }
        return "Late entry, dated \(clock.text(postedAt)), booked \(clock.text(closed.end)) because its month was "
            + "closed at \(closed.closedAt): \(description)"
    }

    private func appendCSV(_ line: StatementBook.Line, description: String, to bytes: inout [UInt8]) {
        let entry = line.entry
        bytes.append(contentsOf: leading)
        bytes.append(contentsOf: String(entry.id).utf8)
        CSVEncoder.separate(&bytes)
        if let postedAt = entry.postedAt { clock.append(postedAt, to: &bytes) }
        for text in [entry.type, line.model, entry.bucket] { Self.appendField(text, to: &bytes) }
        CSVEncoder.separate(&bytes)
        bytes.append(contentsOf: String(entry.credits).utf8)
        CSVEncoder.separate(&bytes)
        bytes.append(contentsOf: String(line.balance).utf8)
        for text in [entry.referenceType, entry.referenceID, description] { Self.appendField(text, to: &bytes) }
        CSVEncoder.endRow(&bytes)
    }

    /// Cells as they stand in front of others in a row.
    private static func fields(_ cells: [Cell]) -> [UInt8] {
        var bytes: [UInt8] = []
        for cell in cells {
            var text = cell.plainText
            text.withUTF8 { CSVEncoder.appendText($0, to: &bytes) }
            CSVEncoder.separate(&bytes)
        }
        return bytes
    }

    private static func appendField(_ text: String, to bytes: inout [UInt8]) {
        CSVEncoder.separate(&bytes)
        var text = text
        text.withUTF8 { CSVEncoder.appendText($0, to: &bytes) }
    }

    private func appendPageRow(_ line: StatementBook.Line, description: String) {
        let entry = line.entry
        pageRows.append(contentsOf: "<tr><th scope=\"row\" class=\"t\">".utf8)
        if let postedAt = entry.postedAt { clock.appendShort(postedAt, to: &pageRows) }
        pageRows.append(contentsOf: "</th><td class=\"id t\">".utf8)
        pageRows.append(contentsOf: String(entry.id).utf8)
        pageRows.append(contentsOf: "</td><td>".utf8)
        let isOfBonus = entry.isBonus && entry.type != "bonus_grant" && !entry.isExpiry
        ScalarEscaping.appendWords(isOfBonus ? description + " (bonus)" : description, to: &pageRows)
        pageRows.append(contentsOf: "</td><td class=\"id\">".utf8)
        ScalarEscaping.appendWords(entry.referenceID, to: &pageRows)
        pageRows.append(contentsOf: "</td><td class=\"n\">".utf8)
        GroupedNumber.append(entry.credits, to: &pageRows)
        pageRows.append(contentsOf: "</td><td class=\"n\">".utf8)
        GroupedNumber.append(line.balance, to: &pageRows)
        pageRows.append(contentsOf: "</td></tr>\n".utf8)
    }
}

extension StatementEntry {
    /// What the row is, in the words of a finance department.
    func description(model: String) -> String {
        switch line {
        case .purchases: return purchaseDescription
        case .bonusGrants: return "Bonus credits granted"
        case .spent: return isFreeze ? "Frozen for a batch\(of(model))" : "Credits spent\(of(model))"
        case .refunds: return isRefund ? "Refunded from a batch\(of(model))" : "Credits refunded\(of(model))"
        case .expired: return "Bonus credits expired"
        default:
            if isCarriedForward { return "Carried forward from the entries of \(referenceID)" }
            return "Adjustment" + (reason.isEmpty ? "" : ": \(reason)")
        }
    }

    private var purchaseDescription: String {
        guard credits > 0 else { return "Purchase taken back" }
        if let price { return "Credits purchased for \(GroupedNumber.text(price))" }
        let list = GroupedNumber.text(PriceList.price(ofCredits: credits))
        return "Credits purchased, no price recorded: valued at list, \(list)"
    }

    private func of(_ model: String) -> String { model.isEmpty ? "" : ", \(model)" }
}
