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
