/// What a workbook in the Office Open XML format can hold, and what the writer below adds to it.
public enum SpreadsheetLimits {
    /// Rows of a sheet.
    public static let rows = 1_048_576
    /// Columns of a sheet.
    public static let columns = 16_384
    /// UTF-16 units of a cell's text, escapes included.
    public static let cellLength = 32_767
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
