import Documents
import Domain
import Foundation
import Schema
import Spreadsheet

/// Writes the entries of one statement, row by row as they come: into the CSV file, onto the sheets and, as many as a
/// page has room for, into the page's table.
final class EntryWriter {
    private let csv: FileSink?
    private let workbook: StatementWorkbook?
    private let clock: LocalClock
    private let keepsPageRows: Bool
    /// The rows of the page's table as HTML.
    private(set) var pageRows: [UInt8] = []
    private(set) var count = 0

    init(
        csv: FileSink?, workbook: StatementWorkbook?, clock: LocalClock, keepsPageRows: Bool
    ) throws {
        self.csv = csv
        self.workbook = workbook
        self.clock = clock
        self.keepsPageRows = keepsPageRows
        if let csv {
            try csv.write(CSVEncoder.byteOrderMark)
            try csv.append { CSVEncoder.appendHeader(StatementTables.entryColumns, to: &$0) }
        }
    }

    /// `late` is the close after which the row appeared, where it belongs to that month or an earlier one.
    func write(_ line: StatementBook.Line, late: ClosedRows.Close?) throws {
        let entry = line.entry
        let description = describe(line, late: late)
        if let csv { try csv.append { appendCSV(line, description: description, to: &$0) } }
        if let workbook {
            let cells: [Cell] = [
                .text(String(entry.id)), .text(entry.postedAt.map(clock.text) ?? ""), .text(entry.type),
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

    private static func appendField(_ text: String, to bytes: inout [UInt8]) {
        CSVEncoder.separate(&bytes)
        var text = text
        text.withUTF8 { CSVEncoder.appendText($0, to: &bytes) }
    }

    private func appendPageRow(_ line: StatementBook.Line, description: String) {
        let entry = line.entry
        pageRows.append(contentsOf: "<tr><th scope=\"row\" class=\"t\">".utf8)
        if let postedAt = entry.postedAt { clock.appendShort(postedAt, to: &pageRows) }
        pageRows.append(contentsOf: "</th><td class=\"id\">".utf8)
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
