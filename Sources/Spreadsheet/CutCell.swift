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
