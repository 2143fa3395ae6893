import CXlsxWriter
public import Domain
import Glibc

/// A sheet of a workbook. ``Workbook/addSheet(_:)`` makes it.
///
/// Rows and columns are counted from 0. Rows are written in order: a row is
/// closed by the first cell of a later one, and writing to it again throws.
/// Everything but cells may be set at any time before ``Workbook/close()``.
public final class Sheet {
    /// The name.
    public let name: String

    let workbook: Workbook
    let worksheet: UnsafeMutablePointer<lxw_worksheet>
    /// The text at hand, where it cannot be passed on as it is.
    var text = CellText()
    /// An instant's text.
    var instantText: [UInt8] = []

    init(name: String, workbook: Workbook, worksheet: UnsafeMutablePointer<lxw_worksheet>) {
        self.name = name
        self.workbook = workbook
        self.worksheet = worksheet
    }

    /// Throws what the library reports for a cell.
    @inline(__always)
    func check(_ status: lxw_error, _ position: CellPosition) throws(SpreadsheetError) {
        if status != LXW_NO_ERROR { throw failure(status, position) }
    }

    @inline(never)
    private func failure(_ status: lxw_error, _ position: CellPosition) -> SpreadsheetError {
        let cell = CellRange.columnName(Int(position.column)) + String(position.row + 1)
        guard status == LXW_ERROR_WORKSHEET_INDEX_OUT_OF_RANGE else {
            return SpreadsheetError(library: status, part: "Cell \(cell) of \"\(name)\"")
        }
        // The position was checked before, so that this is the library's word for a row that is closed.
        return SpreadsheetError(
            .rowOrder, "Cell \(cell) of \"\(name)\" came after a later row; rows are written in order.")
    }

    /// Stops the program where the workbook is closed, because the library's objects are gone.
    @inline(__always)
    func checkOpen() {
        precondition(workbook.handle != nil, "the workbook is closed")
    }
}

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

    /// Writes an instant as a spreadsheet's own, in UTC, since those have no zone, and in whole milliseconds, since
    /// they hold no more: what is beyond is dropped. One that a spreadsheet does not have (before March 1900, after
    /// 9999, without end) is text.
    ///
    /// A format has to show it as one, as ``NumberFormat/instant`` does; without any it gets that.
    public func write(row: Int, column: Int, instant: Instant, format: Format? = nil) throws(SpreadsheetError) {
        if let serial = Self.serial(of: instant) {
            var own = format
            if own == nil { own = try workbook.format(CellStyle(numberFormat: .instant)) }
            return try write(row: row, column: column, number: serial, format: own)
        }
        instantText.removeAll(keepingCapacity: true)
        instant.appendUTF8(to: &instantText)
        try instantText.withUnsafeBufferPointer { bytes throws(SpreadsheetError) in
            try write(row: row, column: column, utf8: bytes, format: format)
        }
    }

    /// Days since the last of 1899, as spreadsheets count them from March 1900 on; nil for an instant that they lack.
    private static func serial(of instant: Instant) -> Double? {
        let dayLength: Int64 = 86_400_000
        guard instant.isFinite else { return nil }
        let (whole, rest) = instant.microseconds.quotientAndRemainder(dividingBy: 1000)
        let milliseconds = (rest < 0 ? whole - 1 : whole) + epochDay * dayLength
        guard (firstDay * dayLength..<endDay * dayLength).contains(milliseconds) else { return nil }
        return Double(milliseconds) / Double(dayLength)
    }

    /// 1 January 1970, 1 March 1900 and 1 January 10000, counted so.
    private static let epochDay: Int64 = 25_569
    private static let firstDay: Int64 = 61
    private static let endDay: Int64 = 2_958_466

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

/// A cell whose text was longer than a cell can hold, and was cut with a visible mark.
public struct CutCell: Hashable, Sendable {
    /// The name of the sheet.
    public let sheet: String
    /// The row, counted from 0.
    public let row: Int
    /// The column, counted from 0.
    public let column: Int
    /// UTF-16 units of the whole text.
    public let length: Int

    public init(sheet: String, row: Int, column: Int, length: Int) {
        self.sheet = sheet
        self.row = row
        self.column = column
        self.length = length
    }

    /// What stands at the end of a text that was cut.
    public static let mark = "… [cut]"
}
