import CXlsxWriter

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
