import CXlsxWriter

extension Sheet {
    /// Writes a formula with the number that programs show which do not calculate.
    ///
    /// The formula starts with `=` and is written in English, with commas.
    public func write(
        row: Int, column: Int, formula: String, number: Double, format: Format? = nil
    ) throws(SpreadsheetError) {
        checkOpen()
        let position = try CellPosition(row: row, column: column)
        try check(formula: formula)
        guard number.isFinite else {
            throw SpreadsheetError(.number, "The formula \(formula) has the value \(number).")
        }
        try check(
            worksheet_write_formula_num(worksheet, position.row, position.column, formula, format?.pointer, number),
            position)
    }

    /// Writes a formula with the text that programs show which do not calculate; the text has no control characters.
    public func write(
        row: Int, column: Int, formula: String, text: String, format: Format? = nil
    ) throws(SpreadsheetError) {
        checkOpen()
        let position = try CellPosition(row: row, column: column)
        try check(formula: formula)
        try PlainText.check(text, .text, "The value of a formula")
        guard text.utf16.count <= SpreadsheetLimits.cellLength else {
            throw SpreadsheetError(.text, "The value of the formula \(formula) does not fit in a cell.")
        }
        try check(
            worksheet_write_formula_str(worksheet, position.row, position.column, formula, format?.pointer, text),
            position)
    }

    /// Writes a text that leads to a cell of this workbook.
    ///
    /// The text stands as it is and must not be empty. Without a format it looks like a link. A sheet holds
    /// 65,530 links.
    public func write(
        row: Int, column: Int, text: String, linkTo target: CellRange, format: Format? = nil
    ) throws(SpreadsheetError) {
        let position = try CellPosition(row: row, column: column)
        try workbook.checkExists(target)
        try PlainText.check(text, .link, "A link's text")
        guard links < SpreadsheetLimits.linksPerSheet else {
            throw SpreadsheetError(
                .link, "\"\(name)\" has \(SpreadsheetLimits.linksPerSheet) links already; a sheet holds no more.")
        }
        guard (1...SpreadsheetLimits.attributeBytes).contains(text.utf8.count) else {
            throw SpreadsheetError(.link, "A link's text has 1 to \(SpreadsheetLimits.attributeBytes) bytes.")
        }
        try check(
            worksheet_write_url_opt(
                worksheet, position.row, position.column, "internal:" + target.reference, format?.pointer, text, nil),
            position)
        links += 1
    }

    private func check(formula: String) throws(SpreadsheetError) {
        try PlainText.check(formula, .text, "A formula")
        guard formula.hasPrefix("="), (2...SpreadsheetLimits.formulaLength).contains(formula.utf16.count) else {
            throw SpreadsheetError(
                .text, "A formula starts with = and has at most \(SpreadsheetLimits.formulaLength) characters.")
        }
    }
}
