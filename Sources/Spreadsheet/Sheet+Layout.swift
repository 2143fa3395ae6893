import CXlsxWriter

extension Sheet {
    /// Sets the widths of the columns from the first on, in characters of the default font, 0 to 255.
    public func setColumns(_ widths: [Double]) throws(SpreadsheetError) {
        checkOpen()
        for (column, width) in widths.enumerated() {
            let position = try CellPosition(row: 0, column: column)
            guard (0...255).contains(width) else {
                throw SpreadsheetError(.outOfRange, "A column of \"\(name)\" is to be \(width) wide; use 0 to 255.")
            }
            try check(worksheet_set_column(worksheet, position.column, position.column, width, nil), position)
        }
    }

    /// Keeps the first rows and columns in view.
    public func freeze(rows: Int, columns: Int = 0) throws(SpreadsheetError) {
        checkOpen()
        let position = try CellPosition(row: rows, column: columns)
        worksheet_freeze_panes(worksheet, position.row, position.column)
    }

    /// Puts filters on the first of the rows.
    public func autofilter(rows: ClosedRange<Int>, columns: ClosedRange<Int>) throws(SpreadsheetError) {
        checkOpen()
        let (first, last) = try corners(rows, columns)
        try check(worksheet_autofilter(worksheet, first.row, first.column, last.row, last.column), first)
    }

    /// Puts a chart's upper left corner on a cell. A chart is inserted once.
    public func insert(_ chart: ChartHandle, row: Int, column: Int) throws(SpreadsheetError) {
        checkOpen()
        precondition(chart.workbook === workbook, "the chart belongs to another workbook")
        let position = try CellPosition(row: row, column: column)
        guard !chart.isInserted else { throw SpreadsheetError(.chart, "A chart can be inserted only once.") }
        let status = chart.withOptions { options in
            worksheet_insert_chart_opt(worksheet, position.row, position.column, chart.pointer, &options)
        }
        try check(status, position)
        chart.isInserted = true
        workbook.insertedCharts += 1
    }

    /// The first and the last cell of a rectangle.
    func corners(
        _ rows: ClosedRange<Int>, _ columns: ClosedRange<Int>
    ) throws(SpreadsheetError) -> (first: CellPosition, last: CellPosition) {
        (
            try CellPosition(row: rows.lowerBound, column: columns.lowerBound),
            try CellPosition(row: rows.upperBound, column: columns.upperBound)
        )
    }
}

extension Sheet {
    /// Prints on A4, as many pages long as it takes.
    ///
    /// - Parameters:
    ///   - landscape: the long side is the width.
    ///   - fitToWidth: everything is made small enough for one page's width.
    public func setPage(landscape: Bool = true, fitToWidth: Bool = true) {
        checkOpen()
        worksheet_set_paper(worksheet, Self.paperA4)
        if landscape { worksheet_set_landscape(worksheet) } else { worksheet_set_portrait(worksheet) }
        if fitToWidth { worksheet_fit_to_pages(worksheet, 1, 0) }
    }

    /// Repeats rows at the top of every page.
    public func repeatRows(_ rows: ClosedRange<Int>) throws(SpreadsheetError) {
        checkOpen()
        let (first, last) = try corners(rows, 0...0)
        try check(worksheet_repeat_rows(worksheet, first.row, last.row), first)
    }

    /// Sets what stands below every page.
    public func setFooter(_ text: PageText) throws(SpreadsheetError) {
        checkOpen()
        try SpreadsheetError.check(worksheet_set_footer(worksheet, try text.code()), "The footer of \"\(name)\"")
    }

    /// The format's number for A4.
    private static let paperA4: UInt8 = 9
}

/// What stands above or below a printed page.
///
/// The text is literal, but for ``page``, ``pages`` and ``sheet``; there is never a date, which would be the reader's.
public struct PageText: Hashable, Sendable {
    /// The number of the page.
    public static let page = "{page}"
    /// The number of pages.
    public static let pages = "{pages}"
    /// The name of the sheet.
    public static let sheet = "{sheet}"

    public var left: String
    public var centre: String
    public var right: String

    public init(left: String = "", centre: String = "", right: String = "") {
        self.left = left
        self.centre = centre
        self.right = right
    }

    /// The text in the format's own code; at most 255 UTF-16 units.
    func code() throws(SpreadsheetError) -> String {
        var code = ""
        for (place, text) in [("&L", left), ("&C", centre), ("&R", right)] where !text.isEmpty {
            try PlainText.check(text, .text, "A header or footer")
            code += place + Self.escaped(text)
        }
        guard code.utf16.count <= SpreadsheetLimits.pageTextLength else {
            throw SpreadsheetError(
                .text, "A header or footer is longer than \(SpreadsheetLimits.pageTextLength) characters: \(code)")
        }
        return code
    }

    /// Doubles ampersands and puts in the numbers.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        var previous: Character = " "
        for character in text {
            // The library takes "&G" and "&[" for a picture even behind another ampersand; a space without width
            // parts them.
            if previous == "&", character == "G" || character == "[" { escaped += "\u{200B}" }
            escaped += character == "&" ? "&&" : String(character)
            previous = character
        }
        for (mark, code) in [(page, "&P"), (pages, "&N"), (sheet, "&A")] {
            escaped = escaped.split(separator: mark, omittingEmptySubsequences: false).joined(separator: code)
        }
        return escaped
    }
}
