import CXlsxWriter

/// What a workbook knows of a sheet of its own.
struct SheetRecord {
    /// The sheet's name.
    let name: String
    /// The library's object; the workbook's object owns it.
    let worksheet: UnsafeMutablePointer<lxw_worksheet>
}
