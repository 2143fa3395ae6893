/// Something wrong at one place of a CSV file.
public struct CSVDefect: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    /// From 1, in bytes of the line.
    public let column: Int
    public let what: String

    public init(line: Int, column: Int, what: String) {
        self.line = line
        self.column = column
        self.what = what
    }

    public var description: String { "line \(line), column \(column): \(what)" }
}
