/// A table of a report: the same cells become a CSV file, a sheet and a part of the page.
public struct Table: Sendable {
    /// The name of the CSV file without its extension, and the figure's name in the provenance.
    public let name: String
    /// The heading for people.
    public let title: String
    /// One sentence that says what the table shows.
    public let note: String
    public let columns: [Column]
    public var rows: [[Cell]]

    public init(name: String, title: String, note: String, columns: [Column], rows: [[Cell]] = []) {
        precondition(rows.allSatisfy { $0.count == columns.count }, "every row of \(name) has all its columns")
        self.name = name
        self.title = title
        self.note = note
        self.columns = columns
        self.rows = rows
    }

    /// Orders the rows by their leading columns, bytewise, with empty first.
    public mutating func sortRows() {
        let keyed = rows.map { (key: $0.map { Array($0.plainText.utf8) }, row: $0) }
        rows = keyed.sorted { left, right in
            for (a, b) in zip(left.key, right.key) where a != b { return a.lexicographicallyPrecedes(b) }
            return false
        }.map(\.row)
    }
}
