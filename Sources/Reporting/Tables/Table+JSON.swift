internal import Domain

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
    var json: JSON {
        switch self {
        case .empty, .infinite: .null
        case .integer(let number): .integer(number)
        case .boolean(let value): .bool(value)
        default: .string(plainText)
        }
    }
}
