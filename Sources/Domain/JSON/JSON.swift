/// A JSON document (RFC 8259) as it was written: members in their order, numbers as their own text.
///
/// So nothing is lost between what a customer sent and what is compared, stored or sent back.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number in JSON's own notation.
    case number(String)
    case string(String)
    case array([JSON])
    case object([Member])

    /// A name and its value.
    public struct Member: Sendable, Hashable {
        public let name: String
        public let value: JSON

        public init(_ name: String, _ value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// An integer.
    public static func integer(_ value: some BinaryInteger) -> JSON { .number(String(value)) }

    /// Text, or null for nil.
    public static func text(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }

    /// The value of a member; nil where there is none, or where this is no object.
    public subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// What a message calls this kind of value.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSON: ExpressibleByDictionaryLiteral {
    /// An object whose members stay in this order.
    public init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(members.map { Member($0.0, $0.1) })
    }
}

extension JSON: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        self = .string(text)
    }
}

extension JSON: ExpressibleByBooleanLiteral {
    public init(booleanLiteral flag: Bool) {
        self = .bool(flag)
    }
}

extension JSON: ExpressibleByIntegerLiteral {
    public init(integerLiteral number: Int64) {
        self = .integer(number)
    }
}
