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

    public init(_ id: String, _ kind: Kind, title: String? = nil, width: Double? = nil) {
        self.id = id
        self.title = title ?? Self.title(of: id)
        self.kind = kind
        self.width = width
    }

    /// `over_refunded` becomes `Over refunded`.
    static func title(of id: String) -> String {
        let words = id.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }
}
