import CXlsxWriter

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
    /// Links so far.
    var links = 0

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
