import CXlsxWriter
public import Domain
import Glibc

extension Sheet {
    /// Writes text as text, whatever it looks like.
    ///
    /// No text leaves the cell empty, with its format. Text beyond 32,767 UTF-16 units is cut with a visible
    /// mark and listed in ``Workbook/cutCells``.
    public func write(row: Int, column: Int, text: String, format: Format? = nil) throws(SpreadsheetError) {
        let position = try CellPosition(row: row, column: column)
        var text = text
        let cut = text.withUTF8 { self.text.set($0) }
        try storeText(at: position, format, cut: cut)
    }

    /// Writes text that ends with a NUL, without making a string: the fast way for a million rows.
    ///
    /// What is not UTF-8 becomes U+FFFD; else as ``write(row:column:text:format:)``.
    public func write(
        row: Int, column: Int, utf8: UnsafePointer<CChar>, format: Format? = nil
    ) throws(SpreadsheetError) {
        let bytes = UnsafeRawPointer(utf8).assumingMemoryBound(to: UInt8.self)
        let source = UnsafeBufferPointer(start: bytes, count: strlen(utf8))
        let position = try CellPosition(row: row, column: column)
        if CellText.isPlain(source) {
            try store(utf8, at: position, format)
        } else {
            try storeText(at: position, format, cut: text.set(source))
        }
    }

    /// Writes text that need not end with a NUL, without making a string.
    ///
    /// What is not UTF-8 becomes U+FFFD; else as ``write(row:column:text:format:)``.
    public func write(
        row: Int, column: Int, utf8: UnsafeBufferPointer<UInt8>, format: Format? = nil
    ) throws(SpreadsheetError) {
        let position = try CellPosition(row: row, column: column)
        try storeText(at: position, format, cut: text.set(utf8))
    }

    /// Writes an instant as text, `2026-10-01T04:00:00.000000+00:00`: a spreadsheet's own instants have no zone.
    public func write(row: Int, column: Int, instant: Instant, format: Format? = nil) throws(SpreadsheetError) {
        instantText.removeAll(keepingCapacity: true)
        instant.appendUTF8(to: &instantText)
        try instantText.withUnsafeBufferPointer { bytes throws(SpreadsheetError) in
            try write(row: row, column: column, utf8: bytes, format: format)
        }
    }

    /// Writes a whole number; one of more than 15 digits, which a spreadsheet would round, as text.
    public func write(row: Int, column: Int, integer: Int64, format: Format? = nil) throws(SpreadsheetError) {
        if integer.magnitude <= UInt64(SpreadsheetLimits.exactInteger) {
            try write(row: row, column: column, number: Double(integer), format: format)
        } else {
            try write(row: row, column: column, text: String(integer), format: format)
        }
    }

    /// Writes a number, of which 16 significant digits are kept.
    ///
    /// Throws for infinity and for what is not a number: write a word instead.
    public func write(row: Int, column: Int, number: Double, format: Format? = nil) throws(SpreadsheetError) {
        checkOpen()
        guard number.isFinite else {
            throw SpreadsheetError(.number, "Row \(row), column \(column) of \"\(name)\" is to be \(number).")
        }
        let position = try CellPosition(row: row, column: column)
        try check(
            worksheet_write_number(worksheet, position.row, position.column, number, format?.pointer), position)
    }

    /// Gives an empty cell a format.
    public func writeBlank(row: Int, column: Int, format: Format) throws(SpreadsheetError) {
        checkOpen()
        let position = try CellPosition(row: row, column: column)
        try check(worksheet_write_blank(worksheet, position.row, position.column, format.pointer), position)
    }

    /// Stores the text at hand and keeps account of a cut, given as the length of the whole text.
    private func storeText(at position: CellPosition, _ format: Format?, cut: Int?) throws(SpreadsheetError) {
        try text.withCString { bytes throws(SpreadsheetError) in
            try store(bytes, at: position, format)
        }
        if let cut {
            workbook.cutCells.append(
                CutCell(sheet: name, row: Int(position.row), column: Int(position.column), length: cut))
        }
    }

    /// Hands encoded text to the library.
    @inline(__always)
    private func store(
        _ bytes: UnsafePointer<CChar>, at position: CellPosition, _ format: Format?
    ) throws(SpreadsheetError) {
        checkOpen()
        // The library reports empty text without a format as an error; it is an empty cell.
        if bytes.pointee == 0, format == nil { return }
        try check(
            worksheet_write_string(worksheet, position.row, position.column, bytes, format?.pointer), position)
    }
}
