import Domain
import Postgres
import Spreadsheet

/// One query of a custom report on its way into a CSV file and, a million rows a sheet, into the workbook.
final class SheetStream {
    private static let progressInterval = 100_000

    private let definition: ReportDefinition.Sheet
    private let csv: FileSink
    private let writer: SheetWriter?
    private let progress: (String) -> Void
    private var columns: [Column] = []
    private var formats: [Format] = []
    private var sheets: [Spreadsheet.Sheet] = []
    private var sample: [[Cell]] = []
    private var count = 0

    init(
        _ definition: ReportDefinition.Sheet, csv: FileSink, writer: SheetWriter?, progress: @escaping (String) -> Void
    ) {
        self.definition = definition
        self.csv = csv
        self.writer = writer
        self.progress = progress
    }

    /// Writes every row and gives the first ones, for the page, with the number of all.
    func write(_ query: BoundQuery, session: Session) throws -> (Table, rows: Int) {
        try query.forEachRow(session, rows: .text) { descriptions in
            try begin(descriptions)
        } _: { row in
            try write(row)
        }
        let table = Table(
            name: definition.query, title: definition.title, note: definition.note, columns: columns, rows: sample)
        try finishSheets(widths: SheetWriter.widths(table))
        return (table, count)
    }

    /// The finished CSV file's digest and size.
    func finish() throws -> (sha256: String, size: Int64) { try csv.finish() }

    private func begin(_ descriptions: [ColumnDescription]) throws {
        if let unknown = definition.columns.keys.sorted().first(where: { name in
            !descriptions.contains { $0.name == name }
        }) {
            throw DaybookError.configuration(
                "\(definition.query).sql gives no column \(unknown), which report.json names.")
        }
        columns = descriptions.map { description in
            let format = definition.columns[description.name]
            return Column(
                description.name, format?.kind ?? RowCells.kind(of: description), title: format?.title,
                width: format?.width)
        }
        try csv.write(CSVEncoder.byteOrderMark)
        try csv.append { CSVEncoder.appendHeader(columns, to: &$0) }
        formats = try writer.map { writer in try columns.map { try writer.format(of: $0) } } ?? []
        try addSheet()
    }

    private func addSheet() throws {
        guard let writer else { return }
        let number = sheets.count + 1
        let sheet = try writer.sheet(
            number == 1 ? definition.title : "\(definition.title) \(number)", columns: columns, widths: [])
        try writer.writeHeader(columns, to: sheet)
        sheets.append(sheet)
    }

    private func write(_ row: borrowing RowView) throws {
        var cells: [Cell] = []
        cells.reserveCapacity(columns.count)
        for index in columns.indices { cells.append(try RowCells.cell(row, index, columns[index])) }
        try csv.append { CSVEncoder.append(cells, to: &$0) }
        if let writer {
            if count > 0, count % Limits.sheetRows == 0 { try addSheet() }
            for (index, cell) in cells.enumerated() {
                try writer.write(
                    cell, to: sheets[sheets.count - 1], row: count % Limits.sheetRows + 1, column: index,
                    format: formats[index])
            }
        }
        if count < Limits.pageRows { sample.append(cells) }
        count += 1
        if count % Self.progressInterval == 0 { progress("writing \(definition.title), \(count) rows") }
    }

    private func finishSheets(widths: [Double]) throws {
        for (index, sheet) in sheets.enumerated() {
            try sheet.setColumns(widths)
            let rows = min(count - index * Limits.sheetRows, Limits.sheetRows)
            try sheet.autofilter(rows: 0...max(rows, 1), columns: 0...max(columns.count - 1, 0))
        }
    }
}
