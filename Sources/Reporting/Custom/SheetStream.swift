import Documents
import Domain
import Postgres
import Schema
import Spreadsheet

/// One query of a custom report on its way into a CSV file and, a million rows per sheet, into the workbook.
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
        if let chart = definition.chart {
            try CustomChart.check(chart, in: columns, query: definition.query)
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
            try writer?.finish(sheet, columns: columns, rows: rows)
        }
        try addChart()
    }

    /// The chart stands beside the rows of the first sheet.
    private func addChart() throws {
        guard let writer, let sheet = sheets.first, let chart = definition.chart,
            let drawn = CustomChart.sheetChart(
                chart, columns: columns, sheet: sheet.name, rows: min(count, Limits.sheetRows),
                title: definition.title)
        else { return }
        try sheet.insert(try writer.workbook.addLineChart(drawn), row: 1, column: columns.count + 1)
    }
}

/// Turns values of any query, as PostgreSQL prints them, into cells: by the column's format, or else by its type.
enum RowCells {
    private static let numbers: Set<TypeOID> = [.numeric, .float4, .float8]

    /// The kind of a column that its report says nothing about.
    static func kind(of column: ColumnDescription) -> Column.Kind {
        switch column.type {
        case .int2, .int4, .int8: .integer
        case .numeric, .float4, .float8: .decimal
        case .timestamptz: .instant
        case .bool: .boolean
        case .uuid: .identifier
        default: .text
        }
    }

    /// A cell of a row. Throws `configuration` where the value does not have the column's format.
    static func cell(_ row: borrowing RowView, _ index: Int, _ column: Column) throws -> Cell {
        guard let text = try row.printed(index) else { return .empty }
        let type = row.type(index)
        switch column.kind {
        case .text, .identifier: return type == .timestamptz ? instant(text) : .text(text)
        case .instant: return type == .timestamptz ? instant(text) : try refuse(text, column)
        case .boolean: return type == .bool ? .boolean(text == "t") : try refuse(text, column)
        case .decimal:
            if let decimal = DecimalText(text) { return .decimal(decimal) }
            // A number of PostgreSQL's that is no number elsewhere: NaN and the infinities.
            return numbers.contains(type) ? .text(text) : try refuse(text, column)
        case .integer: return try units(text, 0).map(Cell.integer) ?? refuse(text, column)
        case .percent: return try units(text, 4).map { .percent(Percent(tenThousandths: $0)) } ?? refuse(text, column)
        case .usd: return try units(text, 6).map { .dollars(Dollars(micros: $0)) } ?? refuse(text, column)
        case .seconds: return try units(text, 6).map { .duration(microseconds: $0) } ?? refuse(text, column)
        }
    }

    /// An instant as every report writes it; of a year that ISO 8601 does not have, as PostgreSQL prints it.
    private static func instant(_ text: String) -> Cell {
        switch text {
        case "infinity": .instant(.distantFuture)
        case "-infinity": .instant(.distantPast)
        default: Instant(text).map(Cell.instant) ?? .text(text)
        }
    }

    /// Whole units of 10^-places: a value with more decimals is not rounded in silence.
    private static func units(_ text: String, _ places: Int) -> Int64? {
        guard let point = text.firstIndex(of: ".") else { return FixedPoint.parse(text, places: places) }
        var trimmed = text
        while trimmed.hasSuffix("0") { trimmed.removeLast() }
        if trimmed.index(after: point) >= trimmed.endIndex { trimmed.removeLast() }
        return FixedPoint.parse(trimmed, places: places)
    }

    private static func refuse(_ text: String, _ column: Column) throws -> Cell {
        let why =
            switch column.kind {
            case .decimal: "is no decimal number; cast it in the SQL, or leave the format decimal out"
            case .instant: "is no timestamptz, which its format instant shows alone; cast it in the SQL"
            case .boolean: "is no boolean, which its format boolean shows alone; cast it in the SQL"
            default: "its format \(column.kind.rawValue) cannot show without rounding; round it in the SQL"
            }
        // What somebody else wrote must not become lines of its own on a terminal.
        let shown = String(text.prefix(60)).map { $0.isNewline || $0.isASCII && !$0.isPrintable ? "\u{FFFD}" : $0 }
        throw DaybookError.configuration("The column \(column.id) has the value \"\(String(shown))\", which \(why).")
    }
}

extension Character {
    /// True for an ASCII character that a terminal shows.
    fileprivate var isPrintable: Bool { (0x20...0x7E).contains(asciiValue ?? 0) }
}
