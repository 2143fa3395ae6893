package import Domain
package import Spreadsheet

/// Writes tables onto sheets: a frozen header, a filter, widths that fit, number formats, pages that print. A sheet
/// that is small enough is a table of the spreadsheet's own.
package struct SheetWriter {
    package let workbook: Workbook
    /// Printed at the foot of every page, beside the page's number.
    package let footer: String

    /// By whose clocks it writes instants: a spreadsheet's have no zone.
    private let clock: SheetClock

    package init(workbook: Workbook, footer: String, clock: SheetClock = .utc) {
        self.workbook = workbook
        self.footer = footer
        self.clock = clock
    }

    private static let headerStyle = CellStyle(
        bold: true, fontColour: .white, fill: Colour(0x1F3A57), verticalAlignment: .middle)
    /// What is as it should be, and what is not: beside words, never instead of them.
    package static let goodColour = Colour(0x0B6B3A)
    package static let badColour = Colour(0xA8201A)
    /// What nobody knows yet.
    package static let openColour = Colour(0x7A5200)
    /// Columns of words that stand beside numbers: a little apart from them.
    private static let judgements: Set<String> = ["state", "verdict"]
    private static let widest = 60
    private static let narrowest = 9
    /// Of an instant, whatever a file takes for it.
    private static let instantWidth = 25.0
    /// Rows that are looked at to fit a column's width.
    private static let sampledRows = 2_000

    /// Makes a sheet for some columns, ready for rows from `headerRow` + 1 on.
    package func sheet(
        _ name: String, columns: [Column], headerRow: Int = 0, widths: [Double]
    ) throws -> Sheet {
        let sheet = try workbook.addSheet(name)
        try sheet.setColumns(widths)
        sheet.setPage(landscape: true, fitToWidth: true)
        try sheet.repeatRows(headerRow...headerRow)
        try sheet.setFooter(
            PageText(left: footer, right: "\(PageText.sheet), page \(PageText.page) of \(PageText.pages)"))
        try sheet.freeze(rows: headerRow + 1, columns: 1)
        return sheet
    }

    /// Writes the header row.
    package func writeHeader(_ columns: [Column], to sheet: Sheet, row: Int = 0) throws {
        for (index, column) in columns.enumerated() {
            var style = Self.headerStyle
            style.alignment = column.kind.isNumeric ? .right : .left
            style.indent = Self.judgements.contains(column.id) ? 1 : 0
            try sheet.write(row: row, column: index, text: title(column), format: try workbook.format(style))
        }
    }

    /// What stands above a column: over instants, by whose clocks they are.
    private func title(_ column: Column) -> String {
        column.kind == .instant ? "\(column.title) (\(clock.name))" : column.title
    }

    /// A whole table as a sheet of its own.
    package func add(_ table: Table, sheetName: String? = nil) throws {
        let sheet = try sheet(sheetName ?? table.title, columns: table.columns, widths: Self.widths(table))
        try writeHeader(table.columns, to: sheet)
        try writeRows(table, to: sheet, firstRow: 1)
    }

    /// The rows of a table below its header, and what makes them one.
    package func writeRows(_ table: Table, to sheet: Sheet, firstRow: Int) throws {
        let formats = try table.columns.map { try format(of: $0) }
        for (offset, row) in table.rows.enumerated() {
            for (index, cell) in row.enumerated() {
                let format = try verdictFormat(cell, table.columns[index]) ?? formats[index]
                try write(cell, to: sheet, row: firstRow + offset, column: index, format: format)
            }
        }
        try finish(sheet, columns: table.columns, headerRow: firstRow - 1, rows: table.rows.count)
    }

    /// Ends the rows of a sheet: those below its header become a table of the spreadsheet's own, named like the sheet.
    /// Where they are none or too many, or two headers are the same, they get the filter alone.
    package func finish(_ sheet: Sheet, columns: [Column], headerRow: Int = 0, rows count: Int) throws {
        let titles = columns.map { title($0) }
        let (rows, places) = (headerRow...(headerRow + max(count, 1)), 0...max(columns.count - 1, 0))
        if (1...Limits.tableRows).contains(count), TableHeaders.fit(titles) {
            try sheet.addTable(rows: rows, columns: places, headers: titles)
        } else {
            try sheet.autofilter(rows: rows, columns: places)
        }
    }

    /// The format of a column's cells.
    package func format(of column: Column) throws -> Format {
        let numberFormat: NumberFormat? =
            switch column.kind {
            case .integer: .integer
            case .percent: "0.0000"
            case .seconds: .seconds
            case .usd: "#,##0.00####"
            case .instant: .instant
            case .decimal: column.places.map { NumberFormat("#,##0." + String(repeating: "0", count: $0)) }
            case .text, .identifier, .boolean: nil
            }
        let wraps = column.kind == .text && (column.width ?? 0) >= 60
        return try workbook.format(
            CellStyle(
                numberFormat: numberFormat, alignment: column.kind.isNumeric ? .right : .left,
                verticalAlignment: .top, wrap: wraps,
                indent: column.kind == .instant || Self.judgements.contains(column.id) ? 1 : 0))
    }

    /// Verdicts have a colour beside their word, never instead of it.
    private func verdictFormat(_ cell: Cell, _ column: Column) throws -> Format? {
        guard column.id == "verdict" else { return nil }
        let colour: Colour? =
            switch cell {
            case .verdict(.pass): Self.goodColour
            case .verdict(.breach): Self.badColour
            case .verdict(.insufficientData), .remarked(_, _, isOpen: true): Self.openColour
            case .remarked(_, _, isOpen: false): Self.badColour
            default: nil
            }
        return try workbook.format(
            CellStyle(bold: colour != nil, fontColour: colour, alignment: .left, verticalAlignment: .top, indent: 1))
    }

    package func write(_ cell: Cell, to sheet: Sheet, row: Int, column: Int, format: Format) throws {
        switch cell {
        case .empty, .infinite, .text(""): try sheet.writeBlank(row: row, column: column, format: format)
        case .text, .remarked, .boolean:
            try sheet.write(row: row, column: column, text: cell.pageText, format: format)
        case .integer(let number): try sheet.write(row: row, column: column, integer: number, format: format)
        case .decimal, .percent, .duration, .dollars:
            if let number = Self.number(cell) {
                try sheet.write(row: row, column: column, number: number, format: format)
            } else {
                try sheet.write(row: row, column: column, text: cell.plainText, format: format)
            }
        case .instant(let instant):
            try sheet.write(row: row, column: column, instant: clock.shown(instant), format: format)
        }
    }

    /// The number of a cell that a spreadsheet keeps as it is; nil for one with more digits than that, which is text.
    private static func number(_ cell: Cell) -> Double? {
        switch cell {
        case .decimal(let decimal):
            guard decimal.significantDigits <= SpreadsheetLimits.digits, let number = Double(decimal.text) else {
                return nil
            }
            return number.isFinite ? number : nil
        case .percent(let percent): return number(percent.tenThousandths, perUnit: 10_000)
        case .duration(let microseconds):
            return number(Seconds.milliseconds(roundingUp: microseconds), perUnit: 1000)
        case .dollars(let amount): return number(amount.micros, perUnit: 1_000_000)
        default: return nil
        }
    }

    private static func number(_ parts: Int64, perUnit: Int64) -> Double? {
        var digits = parts.magnitude
        while digits > 0, digits.isMultiple(of: 10) { digits /= 10 }
        return digits <= UInt64(SpreadsheetLimits.exactInteger) ? Double(parts) / Double(perUnit) : nil
    }

    /// Widths in characters that fit the headers and the first rows.
    package static func widths(_ table: Table) -> [Double] {
        table.columns.enumerated().map { index, column in
            if column.kind == .instant { return instantWidth }
            if let width = column.width {
                // What is remarked on a verdict is to be read whole.
                let remarked = table.rows.prefix(sampledRows).map { $0[index].remarkedLength }.max() ?? 0
                return max(width, Double(column.title.count + 4), Double(remarked))
            }
            let longest = table.rows.prefix(sampledRows).map { $0[index].pageText.count }.max() ?? 0
            return Double(min(max(longest + 2, column.title.count + 4, narrowest), widest))
        }
    }
}

/// The clocks by which a workbook writes instants.
package struct SheetClock: Sendable {
    package let name: String
    /// Seconds ahead of UTC at an instant.
    private let offset: @Sendable (Instant) -> Int64

    package static let utc = SheetClock(name: "UTC") { _ in 0 }

    package init(name: String, offset: @escaping @Sendable (Instant) -> Int64) {
        self.name = name
        self.offset = offset
    }

    /// The instant that has in UTC the date and the time which the clocks show.
    func shown(_ instant: Instant) -> Instant {
        instant.isFinite ? instant.adding(seconds: offset(instant)) : instant
    }
}

/// Finds the cells that a spreadsheet cannot hold, so that every form of the report says so.
package enum LongCells {
    /// A row of the exceptions for every text beyond the limit of a cell.
    package static func exceptions(in tables: [Table]) -> [[Cell]] {
        tables.flatMap { table in
            table.rows.enumerated().flatMap { index, row in
                zip(table.columns, row).compactMap { column, cell -> [Cell]? in
                    guard case .text(let text) = cell, text.utf16.count > Limits.cellLength else { return nil }
                    return [
                        .text("cell_cut"), .text(""), .text("\(table.name), row \(index + 1), \(column.id)"),
                        .text("\(text.utf16.count) characters are whole in the CSV file, and cut in the workbook"),
                    ]
                }
            }
        }
    }
}
