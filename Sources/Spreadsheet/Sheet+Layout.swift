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

    /// Colours the sheet's tab.
    public func setTabColour(_ colour: Colour) {
        checkOpen()
        worksheet_set_tab_color(worksheet, colour.library)
    }

    /// Makes the sheet the one that is shown when the file is opened; else it is the first one.
    public func activate() {
        checkOpen()
        worksheet_activate(worksheet)
    }

    /// Hides the lines between cells on the screen.
    public func hideGridlines() {
        checkOpen()
        worksheet_gridlines(worksheet, UInt8(LXW_HIDE_ALL_GRIDLINES.rawValue))
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
