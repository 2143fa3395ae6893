import CXlsxWriter

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

    /// Prints these cells only.
    public func setPrintArea(rows: ClosedRange<Int>, columns: ClosedRange<Int>) throws(SpreadsheetError) {
        checkOpen()
        let (first, last) = try corners(rows, columns)
        try check(worksheet_print_area(worksheet, first.row, first.column, last.row, last.column), first)
    }

    /// Sets what stands above every page.
    public func setHeader(_ text: PageText) throws(SpreadsheetError) {
        checkOpen()
        try SpreadsheetError.check(worksheet_set_header(worksheet, try text.code()), "The header of \"\(name)\"")
    }

    /// Sets what stands below every page.
    public func setFooter(_ text: PageText) throws(SpreadsheetError) {
        checkOpen()
        try SpreadsheetError.check(worksheet_set_footer(worksheet, try text.code()), "The footer of \"\(name)\"")
    }

    /// The format's number for A4.
    private static let paperA4: UInt8 = 9
}
