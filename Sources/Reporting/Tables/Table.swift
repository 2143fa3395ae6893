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

    /// The texts of a column, row by row; empty where there is no such column.
    func texts(of column: String) -> [String] {
        guard let index = columns.firstIndex(where: { $0.id == column }) else { return [] }
        return rows.map { $0[index].plainText }
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
