import CXlsxWriter

/// A rectangle of cells on a sheet, counted from 0, both ends included.
public struct CellRange: Hashable, Sendable {
    /// The name of the sheet.
    public let sheet: String
    /// The rows.
    public let rows: ClosedRange<Int>
    /// The columns.
    public let columns: ClosedRange<Int>

    public init(sheet: String, rows: ClosedRange<Int>, columns: ClosedRange<Int>) {
        self.sheet = sheet
        self.rows = rows
        self.columns = columns
    }

    /// Cells of one column.
    public init(sheet: String, rows: ClosedRange<Int>, column: Int) {
        self.init(sheet: sheet, rows: rows, columns: column...column)
    }

    /// The range as a formula writes it, `'Sheet'!$A$1:$B$9`.
    public var reference: String {
        let from = Self.absolute(row: rows.lowerBound, column: columns.lowerBound)
        let to = Self.absolute(row: rows.upperBound, column: columns.upperBound)
        return SheetName.quoted(sheet) + "!" + (from == to ? from : from + ":" + to)
    }

    private static func absolute(row: Int, column: Int) -> String {
        "$\(columnName(column))$\(row + 1)"
    }

    /// `A` for 0, `XFD` for 16,383.
    static func columnName(_ column: Int) -> String {
        var name = ""
        var rest = column + 1
        while rest > 0 {
            name = String(UnicodeScalar(UInt8(ascii: "A") + UInt8((rest - 1) % 26))) + name
            rest = (rest - 1) / 26
        }
        return name
    }

    /// Throws where the range leaves the sheet.
    func check() throws(SpreadsheetError) {
        try CellPosition.check(rows: rows, columns: columns)
    }
}

/// Where a cell stands, as the library counts it.
struct CellPosition {
    /// The row, counted from 0.
    let row: lxw_row_t
    /// The column, counted from 0.
    let column: lxw_col_t

    /// Throws where a sheet has no such cell.
    @inline(__always)
    init(row: Int, column: Int) throws(SpreadsheetError) {
        guard UInt(bitPattern: row) < SpreadsheetLimits.rows, UInt(bitPattern: column) < SpreadsheetLimits.columns
        else { throw Self.outOfRange(row: row, column: column) }
        self.row = lxw_row_t(truncatingIfNeeded: row)
        self.column = lxw_col_t(truncatingIfNeeded: column)
    }

    /// Throws where a rectangle leaves the sheet.
    static func check(rows: ClosedRange<Int>, columns: ClosedRange<Int>) throws(SpreadsheetError) {
        _ = try CellPosition(row: rows.lowerBound, column: columns.lowerBound)
        _ = try CellPosition(row: rows.upperBound, column: columns.upperBound)
    }

    private static func outOfRange(row: Int, column: Int) -> SpreadsheetError {
        SpreadsheetError(
            .outOfRange,
            "Row \(row), column \(column) (counted from 0) lies outside the "
                + "\(SpreadsheetLimits.rows) rows and \(SpreadsheetLimits.columns) columns of a sheet.")
    }
}

/// The rules for the name of a sheet.
enum SheetName {
    /// Throws for a name that a spreadsheet would refuse or repair.
    static func check(_ name: String) throws(SpreadsheetError) {
        guard !name.isEmpty else { throw SpreadsheetError(.sheetName, "A sheet needs a name.") }
        guard name.utf16.count <= SpreadsheetLimits.sheetNameLength else {
            throw SpreadsheetError(
                .sheetName,
                "The sheet name \"\(name)\" is longer than \(SpreadsheetLimits.sheetNameLength) characters.")
        }
        guard !name.unicodeScalars.contains(where: { forbidden.contains($0) }) else {
            throw SpreadsheetError(.sheetName, "The sheet name \"\(name)\" holds one of [ ] : * ? / \\.")
        }
        guard name.unicodeScalars.first != "'", name.unicodeScalars.last != "'" else {
            throw SpreadsheetError(.sheetName, "The sheet name \"\(name)\" starts or ends with an apostrophe.")
        }
        guard name.lowercased() != "history" else {
            throw SpreadsheetError(.sheetName, "The sheet name \"\(name)\" is reserved by spreadsheets.")
        }
        try PlainText.check(name, .sheetName, "The sheet name")
    }

    /// The name as it stands in a formula, always in apostrophes.
    static func quoted(_ name: String) -> String {
        var quoted = "'"
        for scalar in name.unicodeScalars {
            if scalar == "'" { quoted.unicodeScalars.append("'") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "'"
    }

    private static let forbidden: Set<Unicode.Scalar> = ["[", "]", ":", "*", "?", "/", "\\"]
}
