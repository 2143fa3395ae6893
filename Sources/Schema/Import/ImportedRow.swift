import Domain
import Formats

/// One record of an imported file by the names of its columns, collecting what is wrong with it.
struct ImportedRow {
    private let fields: [String: CSVReader.Field]
    private let line: Int
    private(set) var defects: [CSVDefect] = []

    init(_ record: [CSVReader.Field], header: [String]) {
        fields = Dictionary(uniqueKeysWithValues: zip(header, record))
        line = record.first?.line ?? 0
    }

    mutating func refuse(_ column: String, _ what: String) {
        let field = fields[column]
        defects.append(CSVDefect(line: field?.line ?? line, column: field?.column ?? 1, what: "\(column) \(what)"))
    }

    /// The text of an optional column; nil where it is empty.
    func text(_ column: String) -> String? {
        guard let text = fields[column]?.text, !text.isEmpty else { return nil }
        return text
    }

    /// The text of a column that must not be empty, nor longer than a name.
    mutating func required(_ column: String, limit: Int = Limits.nameLength) -> String {
        guard let text = text(column) else {
            refuse(column, "is empty")
            return ""
        }
        if text.count > limit { refuse(column, "is longer than \(limit) characters") }
        if text.unicodeScalars.contains("\0") { refuse(column, "contains a NUL, which no database text can hold") }
        return text
    }

    /// A value of a column by some rule; a text that the rule refuses is a defect.
    mutating func value<Value>(
        _ column: String, _ meaning: String, default fallback: Value, _ rule: (String) -> Value?
    ) -> Value {
        let text = required(column)
        guard !text.isEmpty else { return fallback }
        if let value = rule(text) { return value }
        refuse(column, "is \"\(text.prefix(40))\", but must be \(meaning)")
        return fallback
    }

    mutating func instant(_ column: String) -> Instant {
        value(column, "an instant with an offset, such as 2026-10-01T00:00:00Z", default: Instant(microseconds: 0)) {
            Instant($0)
        }
    }

    mutating func uuid(_ column: String) -> String {
        value(column, "a UUID", default: "") { text in
            let groups = text.lowercased().split(separator: "-", omittingEmptySubsequences: false)
            let isHex = groups.allSatisfy { $0.utf8.allSatisfy { Self.hexDigits.contains($0) } }
            return isHex && groups.map(\.utf8.count) == [8, 4, 4, 4, 12] ? text.lowercased() : nil
        }
    }

    private static let hexDigits = Set("0123456789abcdef".utf8)
}
