internal import Domain
package import Formats

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
    package func texts(of column: String) -> [String] {
        guard let index = columns.firstIndex(where: { $0.id == column }) else { return [] }
        return rows.map { $0[index].plainText }
    }

    /// The same with further columns in front, which say the same in every row.
    package func preceded(by leading: [(column: Column, cell: Cell)]) -> Table {
        let cells = leading.map(\.cell)
        return Table(
            name: name, title: title, note: note, columns: leading.map(\.column) + columns,
            rows: rows.map { cells + $0 })
    }

    /// Orders the rows by their leading columns, with empty first: slugs in natural order, everything else bytewise.
    public mutating func sortRows() {
        let isSlug = columns.map { $0.id == "account" }
        let keyed = rows.map { row in
            (key: zip(isSlug, row).map { $0 ? NaturalOrder.key($1.plainText) : Array($1.plainText.utf8) }, row: row)
        }
        rows = keyed.sorted { left, right in
            for (a, b) in zip(left.key, right.key) where a != b { return a.lexicographicallyPrecedes(b) }
            return false
        }.map(\.row)
    }
}

/// One column of a report's table.
public struct Column: Hashable, Sendable {
    /// What a column holds, which decides its alignment and number format.
    public enum Kind: String, Sendable, CaseIterable {
        case text
        /// An id: text that is never a number.
        case identifier
        case integer
        case percent
        case seconds
        case usd
        case instant
        case boolean
        case decimal

        /// True where larger values should line up at the right.
        public var isNumeric: Bool {
            switch self {
            case .integer, .percent, .seconds, .usd, .decimal: true
            case .text, .identifier, .instant, .boolean: false
            }
        }
    }

    /// The name in the CSV header: snake_case, the same for ever.
    public let id: String
    /// The name for people.
    public let title: String
    public let kind: Kind
    /// Width on a sheet, in characters; nil fits it to the contents.
    public let width: Double?
    /// Decimals that a sheet shows of a decimal number; nil shows it as it is.
    public let places: Int?

    public init(_ id: String, _ kind: Kind, title: String? = nil, width: Double? = nil, places: Int? = nil) {
        self.places = places
        self.id = id
        self.title = title ?? Self.title(of: id)
        self.kind = kind
        self.width = width
    }

    /// `over_refunded` becomes `Over refunded`.
    package static func title(of id: String) -> String {
        let words = id.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }
}

extension Table {
    /// The rows as a JSON array of objects, an object per line: numbers and truth values as such, nothing as null.
    public var json: [UInt8] {
        let lines = rows.map { row in
            JSON.object(zip(columns, row).map { JSON.Member($0.id, $1.json) }).compactText
        }
        return Array(("[\n" + lines.joined(separator: ",\n") + (lines.isEmpty ? "]\n" : "\n]\n")).utf8)
    }
}

extension Cell {
    /// The value in JSON: what a program should not take for a number stays text.
    package var json: JSON {
        switch self {
        case .empty, .infinite: .null
        case .integer(let number): .integer(number)
        case .boolean(let value): .bool(value)
        default: .string(plainText)
        }
    }
}
