import CXlsxWriter
import Glibc

/// A workbook that is written row by row: only the row at hand is in memory,
/// the others wait in a temporary file for each sheet.
///
/// The output appears with ``close()`` and not before. A workbook that is
/// given up without it leaves no file.
///
/// The same content gives the same bytes. A workbook, its sheets and its
/// formats belong to one task at a time.
public final class Workbook {
    /// Where the workbook will stand.
    public let path: String
    /// Where the rows wait until then.
    public let temporaryDirectory: String
    /// The cells whose text had to be cut, in the order of writing.
    public internal(set) var cutCells: [CutCell] = []

    /// The library's object; nil once the workbook is closed or given up.
    private(set) var handle: UnsafeMutablePointer<lxw_workbook>?
    /// The sheets in their order.
    private(set) var sheets: [SheetRecord] = []
    private var formats: [CellStyle: Format] = [:]
    /// Charts that stand on a sheet.
    var insertedCharts = 0
    /// Names of its tables, in small letters.
    var tableNames: Set<String> = []

    /// Prepares a workbook.
    ///
    /// Throws where the directory of the output or the one for temporary files
    /// cannot be written, and for properties that a document cannot hold. A
    /// file that stands at the path stays until ``close()``.
    public init(path: String, temporaryDirectory: String, properties: WorkbookProperties) throws(SpreadsheetError) {
        try properties.check()
        try OutputPlace.check(path: path)
        try OutputPlace.check(temporaryDirectory: temporaryDirectory)
        self.path = path
        self.temporaryDirectory = temporaryDirectory
        guard let handle = Self.open(path: path, temporaryDirectory: temporaryDirectory) else {
            throw .outOfMemory
        }
        self.handle = handle
        try Self.set(properties, of: handle)
    }

    deinit {
        abandon()
    }

    /// Adds an empty sheet after the others.
    ///
    /// The name has 1 to 31 UTF-16 units, none of `[ ] : * ? / \`, no apostrophe at an end, and differs
    /// from the others in more than case.
    public func addSheet(_ name: String) throws(SpreadsheetError) -> Sheet {
        try SheetName.check(name)
        guard !sheets.contains(where: { $0.name.lowercased() == name.lowercased() }) else {
            throw SpreadsheetError(.sheetName, "The sheet name \"\(name)\" is in use already.")
        }
        guard let worksheet = workbook_add_worksheet(open, name) else {
            throw SpreadsheetError(
                .cannotCreateTemporaryFile, "No temporary file for a sheet can be created in \(temporaryDirectory).")
        }
        sheets.append(SheetRecord(name: name, worksheet: worksheet))
        try OutputPlace.check(worksheet.pointee.optimize_tmpfile, liesIn: temporaryDirectory)
        quoteName(of: worksheet, as: name)
        return Sheet(name: name, workbook: self, worksheet: worksheet)
    }

    /// The format for a style; equal styles share one.
    ///
    /// Throws for a style that a file cannot hold.
    public func format(_ style: CellStyle) throws(SpreadsheetError) -> Format {
        if let format = formats[style] { return format }
        try style.check()
        guard let pointer = workbook_add_format(open) else { throw .outOfMemory }
        let format = Format(pointer, style: style)
        formats[style] = format
        return format
    }

    /// Throws where the range leaves its sheet, or its sheet is not in the workbook.
    func checkExists(_ range: CellRange) throws(SpreadsheetError) {
        try range.check()
        guard sheets.contains(where: { $0.name == range.sheet }) else {
            throw SpreadsheetError(.sheetName, "There is no sheet \"\(range.sheet)\" in the workbook.")
        }
    }

    /// The library's object.
    ///
    /// Precondition: the workbook is neither closed nor given up.
    var open: UnsafeMutablePointer<lxw_workbook> {
        guard let handle else { preconditionFailure("the workbook is closed") }
        return handle
    }

    /// Hands the library's object over to the caller, who frees it.
    func take() -> UnsafeMutablePointer<lxw_workbook>? {
        defer { handle = nil }
        return handle
    }

    private static func open(path: String, temporaryDirectory: String) -> UnsafeMutablePointer<lxw_workbook>? {
        temporaryDirectory.withCString { directory in
            var options = lxw_workbook_options()
            options.constant_memory = 1
            // The library makes its own copy and does not write to this one.
            options.tmpdir = UnsafeMutablePointer(mutating: directory)
            return workbook_new_opt(path, &options)
        }
    }

    /// The library leaves names like `A1` and `2026` bare in references, which a spreadsheet reads as cells or
    /// numbers; apostrophes are always right.
    private func quoteName(of worksheet: UnsafeMutablePointer<lxw_worksheet>, as name: String) {
        guard let copy = strdup(SheetName.quoted(name)) else { return }
        free(worksheet.pointee.quoted_name)
        worksheet.pointee.quoted_name = copy
    }
}

/// What a workbook knows of a sheet of its own.
struct SheetRecord {
    /// The sheet's name.
    let name: String
    /// The library's object; the workbook's object owns it.
    let worksheet: UnsafeMutablePointer<lxw_worksheet>
}

/// What a workbook in the Office Open XML format can hold, and what the writer below adds to it.
public enum SpreadsheetLimits {
    /// Rows of a sheet.
    public static let rows = 1_048_576
    /// Columns of a sheet.
    public static let columns = 16_384
    /// UTF-16 units of a cell's text, escapes included.
    public static let cellLength = 32_767
    /// UTF-16 units of a table's header: more is no header, and the writer cuts what is far beyond.
    public static let tableHeaderLength = 255
    /// UTF-16 units of a sheet's name.
    public static let sheetNameLength = 31
    /// Bytes of a chart's description and of every other XML attribute: the writer cuts them there.
    public static let attributeBytes = 2_079
    /// Bytes of a number format: the writer cuts them there.
    public static let formatBytes = 127
    /// UTF-16 units of a custom property's name and of its text.
    public static let customPropertyLength = 255
    /// UTF-16 units of a page's header or footer.
    public static let pageTextLength = 255
    /// Significant digits that a spreadsheet keeps of a number; what has more is rounded when it is shown, edited or
    /// saved.
    public static let digits = 15
    /// The largest whole number of so many digits.
    public static let exactInteger: Int64 = 999_999_999_999_999
    /// Bytes of one sheet's rows as XML: the container ends at 4 GiB, the margin holds what stands around the rows.
    public static let sheetBytes: Int64 = 4_294_967_295 - 16_777_216
}
