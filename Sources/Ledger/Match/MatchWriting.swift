import Documents
public import Domain
import Formats
import Foundation
import Spreadsheet

/// Where a comparison goes, and in which form.
public struct MatchOutput: Sendable {
    public enum Form: String, Sendable, CaseIterable {
        case table, csv, json, xlsx
    }

    let form: Form
    /// The file; nil for standard output.
    let path: String?
    let mode: OutputMode

    /// - Parameter path: Where a file is to stand; nil for standard output, which a workbook cannot go to.
    public init(form: Form, path: String?, mode: OutputMode) {
        precondition(form != .xlsx || path != nil, "a workbook is a file")
        self.form = form
        self.path = path
        self.mode = mode
    }
}

/// Writes the rows of a comparison as they come, in flat memory. A terminal's table is its caller's.
final class MatchWriting {
    private let output: MatchOutput
    private let month: Month
    private let staging: StagingFolder?
    private let sink: FileSink?
    private let name: String
    private var workbook: (book: Workbook, writer: SheetWriter, classes: Sheet)?
    private var sheet: Sheet?
    private var formats: [Format] = []
    private var sheets = 0
    private var rowsOnSheet = 0
    private var buffer: [UInt8] = []
    private var written = 0

    init(_ output: MatchOutput, month: Month, createdAt: Instant) throws {
        self.output = output
        self.month = month
        let url = output.form == .table ? nil : output.path.map { URL(fileURLWithPath: $0) }
        name = url?.lastPathComponent ?? ""
        staging = try url.map {
            try StagingFolder(output: $0.deletingLastPathComponent().path, mode: output.mode)
        }
        sink = output.form == .xlsx ? nil : try staging?.sink(name)
        switch output.form {
        case .table: break
        case .csv:
            buffer += CSVEncoder.byteOrderMark
            CSVEncoder.appendHeader(MatchRow.columns, to: &buffer)
        case .json: buffer += Array("{\"month\":\"\(month)\",\"rows\":[".utf8)
        case .xlsx: try beginWorkbook(createdAt)
        }
    }

    private func beginWorkbook(_ createdAt: Instant) throws {
        guard let staging else { preconditionFailure("a workbook is a file") }
        let book = try Workbook(
            path: staging.workbookPath(name), temporaryDirectory: staging.path,
            properties: WorkbookProperties(
                created: Instant(microseconds: createdAt.microseconds / 1_000_000 * 1_000_000),
                title: "The provider's bill of \(month)"))
        let writer = SheetWriter(workbook: book, footer: "The provider's bill of \(month)")
        let classes = try writer.sheet("Classes", columns: [Column("class", .text)], widths: [28, 12, 16, 14])
        workbook = (book, writer, classes)
        formats = try MatchRow.columns.map { try writer.format(of: $0) }
        try addSheet(writer)
    }

    private func addSheet(_ writer: SheetWriter) throws {
        try finishSheet()
        sheets += 1
        let sheet = try writer.sheet(
            sheets == 1 ? "Rows" : "Rows \(sheets)", columns: MatchRow.columns,
            widths: MatchRow.columns.map { $0.width ?? 12 })
        try writer.writeHeader(MatchRow.columns, to: sheet)
        self.sheet = sheet
        rowsOnSheet = 0
    }

    private func finishSheet() throws {
        guard let sheet, let writer = workbook?.writer else { return }
        try writer.finish(sheet, columns: MatchRow.columns, rows: rowsOnSheet)
    }

    func add(_ row: MatchRow) throws {
        written += 1
        switch output.form {
        case .table: break
        case .csv: CSVEncoder.append(row.cells, to: &buffer)
        case .json:
            buffer += Array((written == 1 ? "\n" : ",\n").utf8)
            buffer += Array(Self.object(MatchRow.columns, row.cells).utf8)
        case .xlsx:
            guard let writer = workbook?.writer else { return }
            if rowsOnSheet == Limits.sheetRows { try addSheet(writer) }
            rowsOnSheet += 1
            guard let sheet else { return }
            for (column, cell) in row.cells.enumerated() {
                try writer.write(cell, to: sheet, row: rowsOnSheet, column: column, format: formats[column])
            }
        }
        if buffer.count >= 1 << 18 { try flush() }
    }

    private static func object(_ columns: [Column], _ cells: [Cell]) -> String {
        JSON.object(zip(columns, cells).map { JSON.Member($0.id, $1.json) }).compactText
    }

    private func flush() throws {
        if let sink { try sink.write(buffer) } else { try? FileHandle.standardOutput.write(contentsOf: Data(buffer)) }
        buffer.removeAll(keepingCapacity: true)
    }

    func finish(_ outcome: MatchOutcome) throws {
        switch output.form {
        case .table, .csv: break
        case .json:
            let table = outcome.table
            let classes = table.rows.map { Self.object(table.columns, $0) }.joined(separator: ",\n")
            buffer += Array((written == 0 ? "]" : "\n]").utf8)
            buffer += Array(",\n\"classes\":[\n\(classes)\n]}\n".utf8)
        case .xlsx: try finishWorkbook(outcome)
        }
        if !buffer.isEmpty { try flush() }
        _ = try sink?.finish()
        try staging?.publish(name)
    }

    private func finishWorkbook(_ outcome: MatchOutcome) throws {
        guard let workbook, let staging else { return }
        try finishSheet()
        try workbook.writer.writeHeader(outcome.table.columns, to: workbook.classes)
        try workbook.writer.writeRows(outcome.table, to: workbook.classes, firstRow: 1)
        try workbook.book.close()
        _ = try staging.workbook(name)
    }
}
