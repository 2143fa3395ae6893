import Documents
import Domain
import Schema
import Spreadsheet

/// The workbook of one statement: the summary, the entries as they come, the other tables, the provenance.
final class StatementWorkbook {
    private static let summaryHeaderRow = 4

    private let workbook: Workbook
    private let writer: SheetWriter
    private let subject: StatementAccount
    private let summary: Sheet
    private var entrySheets: [Sheet] = []
    private var entryFormats: [Format] = []
    private var entryCount = 0

    init(
        path: String, temporaryDirectory: String, number: String, issuer: String, subject: StatementAccount,
        month: Month, clock: LocalClock
    ) throws {
        self.subject = subject
        let title = "Statement of credits \(month.title)"
        workbook = try Workbook(
            path: path, temporaryDirectory: temporaryDirectory,
            properties: WorkbookProperties(
                created: subject.period.end, title: title, subject: subject.account.slug,
                comments: subject.scope.isFinal ? "final" : "preliminary"))
        writer = SheetWriter(
            workbook: workbook, footer: "Statement \(number), \(month.title)",
            clock: SheetClock(name: subject.account.timeZone) { clock.offset(at: $0) })
        let columns = [
            Column("line", .text, title: "Line", width: 52), Column("purchased", .integer, width: 18),
            Column("bonus", .integer, width: 16), Column("credits", .integer, title: "Credits together", width: 22),
        ]
        summary = try writer.sheet(
            "Summary", columns: columns, headerRow: Self.summaryHeaderRow, widths: columns.map { $0.width ?? 12 })
        let big = try workbook.format(CellStyle(bold: true, size: 16))
        let soft = try workbook.format(CellStyle(fontColour: Colour(0x52606D)))
        try summary.write(row: 0, column: 0, text: "\(title), \(subject.account.name)", format: big)
        try summary.write(
            row: 1, column: 0, text: "Not an invoice. " + StatementWords.notInvoice(subject.account),
            format: try workbook.format(CellStyle(bold: true)))
        try summary.write(
            row: 2, column: 0,
            text: "Statement \(number)   \(subject.scope.isFinal ? "final" : "preliminary")   Time zone "
                + "\(subject.zoneText)   From \(clock.text(subject.period.start)) to "
                + "\(clock.text(subject.period.end)) (exclusive)   As of "
                + (subject.scope.isCutoffNow ? subject.asOf : clock.text(subject.cutoff)), format: soft)
        try summary.write(
            row: 3, column: 0,
            text: "Plan \(subject.planText)   Currency \(StatementAccount.currencyText)"
                + (issuer.isEmpty ? "" : "   Issued by \(issuer)"), format: soft)
        try writer.writeHeader(columns, to: summary, row: Self.summaryHeaderRow)
        entryFormats = try StatementTables.entryColumns.map { try writer.format(of: $0) }
        try addEntrySheet()
    }

    private func addEntrySheet() throws {
        let columns = StatementTables.entryColumns
        let name = entrySheets.isEmpty ? "Entries" : "Entries \(entrySheets.count + 1)"
        let sheet = try writer.sheet(name, columns: columns, widths: columns.map { $0.width ?? 12 })
        try writer.writeHeader(columns, to: sheet)
        entrySheets.append(sheet)
    }

    func writeEntry(_ cells: [Cell]) throws {
        if entryCount > 0, entryCount % Limits.sheetRows == 0 { try addEntrySheet() }
        let row = entryCount % Limits.sheetRows + 1
        for (column, cell) in cells.enumerated() {
            try writer.write(
                cell, to: entrySheets[entrySheets.count - 1], row: row, column: column, format: entryFormats[column])
        }
        entryCount += 1
    }

    /// Writes the summary and the other tables; then the file is complete.
    func close(book: StatementBook, amounts: StatementAmounts, tables: [Table], provenance: Table) throws {
        for (index, sheet) in entrySheets.enumerated() {
            let rows = min(entryCount - index * Limits.sheetRows, Limits.sheetRows)
            try writer.finish(sheet, columns: StatementTables.entryColumns, rows: rows)
        }
        try writeSummary(book)
        try writeVerdict(book.summary)
        try writePayments(amounts)
        for table in tables where table.name != "summary" { try writer.add(table) }
        try writer.add(provenance)
        try workbook.close()
    }

    /// What the page says in a sentence, below the lines: a sheet is written from above, and it is known last.
    private func writeVerdict(_ totals: StatementSummary) throws {
        let (sentence, isWhole) = totals.verdict
        let format = try workbook.format(
            CellStyle(bold: true, fontColour: isWhole ? SheetWriter.goodColour : SheetWriter.badColour))
        let row = Self.summaryHeaderRow + StatementLine.allCases.count + 2
        try summary.write(row: row, column: 0, text: sentence, format: format)
    }

    /// How what was used is paid, and what is due: as on the page.
    private func writePayments(_ amounts: StatementAmounts) throws {
        let row = Self.summaryHeaderRow + StatementLine.allCases.count + 4
        let bold = try workbook.format(CellStyle(bold: true))
        try summary.write(row: row, column: 0, text: "How it is paid, USD", format: bold)
        for (offset, payment) in (amounts.payments + [amounts.due]).enumerated() {
            let isDue = offset == amounts.payments.count
            let border: CellStyle.Border? = isDue ? .thin : nil
            let text = try workbook.format(CellStyle(bold: isDue, borderTop: border))
            let number = try workbook.format(
                CellStyle(bold: isDue, numberFormat: "#,##0.00", alignment: .right, borderTop: border))
            try summary.write(row: row + 1 + offset, column: 0, text: payment.title, format: text)
            try writer.write(.dollars(payment.amount), to: summary, row: row + 1 + offset, column: 3, format: number)
        }
    }

    private func writeSummary(_ book: StatementBook) throws {
        for (offset, line) in StatementLine.allCases.enumerated() {
            let isBalance = line == .openingBalance || line == .closingBalance
            // What is not 0 and should be is as the page has it: bold and red.
            let isBad = StatementLine.checks.contains(line) && (book.summary[line] ?? 0) != 0
            let colour = isBad ? SheetWriter.badColour : nil
            let text = try workbook.format(
                CellStyle(bold: isBalance || isBad, fontColour: colour, borderTop: isBalance ? .thin : nil))
            let number = try workbook.format(
                CellStyle(
                    bold: isBalance || isBad, fontColour: colour, numberFormat: .integer, alignment: .right,
                    borderTop: isBalance ? .thin : nil))
            let row = Self.summaryHeaderRow + 1 + offset
            try summary.write(row: row, column: 0, text: line.title, format: text)
            let isSplit = isBalance || StatementLine.movements.contains(line)
            let bonus = isSplit ? book.bonus[line] : nil
            let whole = book.summary[line]
            let purchased = isSplit ? whole.flatMap { whole in bonus.map { whole - $0 } } : nil
            for (column, value) in [purchased, bonus, whole].enumerated() {
                try writer.write(.optional(value), to: summary, row: row, column: column + 1, format: number)
            }
        }
    }
}
