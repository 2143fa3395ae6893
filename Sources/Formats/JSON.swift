/// A JSON document (RFC 8259) as it was written: members in their order, numbers as their own text.
///
/// So nothing is lost between what a customer sent and what is compared, stored or sent back.
public enum JSON: Sendable, Hashable {
    /// Levels of nesting of a document: reading one must not exhaust the stack.
    public static let depthLimit = 64
    /// Characters of a number: nothing that a customer counts has more.
    public static let numberLengthLimit = 64

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

extension JSON {
    /// One text for each number, however it is written: `1`, `1.0`, `1e0` and `10e-1` are `1`, and `-0` is `0`.
    ///
    /// Nothing is rounded, whatever its size. A number that is written plainly and without idle zeros is its own text;
    /// one that would be longer than ``Limits/jsonNumberLength`` is digits with an exponent.
    ///
    /// - Parameter text: A number in JSON's notation.
    package static func canonicalNumber(_ text: String) -> String {
        var rest = Substring(text)
        let sign = rest.first == "-" ? "-" : ""
        if !sign.isEmpty { rest.removeFirst() }
        let halves = rest.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        let parts = halves[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var digits = Array(parts.joined().utf8.drop { $0 == UInt8(ascii: "0") })
        // The last digit's place: so many decimals, less the zeros that say nothing.
        var shift = -(parts.count == 2 ? parts[1].utf8.count : 0)
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            shift += 1
        }
        guard !digits.isEmpty else { return "0" }
        let written = String(decoding: digits, as: UTF8.self)
        let exponent = DecimalExponent(halves.count == 2 ? halves[1] : "0").adding(shift)
        guard let place = exponent.small, let plain = plain(written, place) else {
            return sign + "\(written)e\(exponent)"
        }
        return sign + plain
    }

    /// Digits with their last one at 10^place, without an exponent; nil where that is too long.
    private static func plain(_ digits: String, _ place: Int) -> String? {
        let count = digits.utf8.count
        guard abs(place) <= Self.numberLengthLimit else { return nil }
        let text: String
        if place >= 0 {
            text = digits + String(repeating: "0", count: place)
        } else if -place < count {
            text = digits.prefix(count + place) + "." + digits.suffix(-place)
        } else {
            text = "0." + String(repeating: "0", count: -place - count) + digits
        }
        return text.utf8.count <= Self.numberLengthLimit ? text : nil
    }
}

/// A whole number of any size: an exponent may have as many digits as the number has characters.
private struct DecimalExponent: CustomStringConvertible {
    private let isNegative: Bool
    /// Without zeros in front; empty for zero.
    private let digits: [UInt8]

    /// - Parameter text: Digits, with a sign or without.
    init(_ text: Substring) {
        let unsigned = text.utf8.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
        digits = unsigned.map { $0 - UInt8(ascii: "0") }.drop { $0 == 0 }.map(\.self)
        isNegative = text.first == "-" && !digits.isEmpty
    }

    private init(isNegative: Bool, digits: [UInt8]) {
        self.isNegative = isNegative
        self.digits = digits
    }

    /// The value, where it has at most 17 digits.
    var small: Int? {
        guard digits.count <= 17 else { return nil }
        let magnitude = digits.reduce(0) { $0 * 10 + Int($1) }
        return isNegative ? -magnitude : magnitude
    }

    /// The sum with a number of places, of which no document has more than ``Limits/jsonNumberLength``.
    func adding(_ places: Int) -> DecimalExponent {
        if let small { return DecimalExponent(Substring(String(small + places))) }
        // So large a number keeps its sign, and has room for what is taken off.
        var carry = isNegative ? -places : places
        var sum = digits
        for index in sum.indices.reversed() where carry != 0 {
            let value = Int(sum[index]) + carry
            let digit = ((value % 10) + 10) % 10
            sum[index] = UInt8(digit)
            carry = (value - digit) / 10
        }
        if carry > 0 { sum.insert(UInt8(carry), at: 0) }
        return DecimalExponent(isNegative: isNegative, digits: sum.drop { $0 == 0 }.map(\.self))
    }

    var description: String {
        digits.isEmpty ? "0" : (isNegative ? "-" : "") + digits.map { String($0) }.joined()
    }
}

extension JSON {
    /// How a document is written.
    public enum Form: Sendable, Hashable {
        /// Members in their order, numbers as they were written.
        case asWritten
        /// Members by the bytes of their names, numbers as they were written.
        case ordered
        /// That, and one text for each number: two documents that say the same are the same bytes.
        case canonical
    }

    /// The document as compact UTF-8, without escaped slashes.
    public func bytes(_ form: Form = .asWritten) -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes, form)
        return bytes
    }

    /// The document as compact text.
    public var compactText: String { String(decoding: bytes(), as: UTF8.self) }

    private func append(to bytes: inout [UInt8], _ form: Form) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .number(let text):
            bytes.append(contentsOf: (form == .canonical ? Self.canonicalNumber(text) : text).utf8)
        case .string(let text): Self.append(text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.append(to: &bytes, form)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            let ordered =
                form == .asWritten
                ? members : members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            for (index, member) in ordered.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.append(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.append(to: &bytes, form)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x08: bytes.append(contentsOf: #"\b"#.utf8)
            case 0x09: bytes.append(contentsOf: #"\t"#.utf8)
            case 0x0A: bytes.append(contentsOf: #"\n"#.utf8)
            case 0x0C: bytes.append(contentsOf: #"\f"#.utf8)
            case 0x0D: bytes.append(contentsOf: #"\r"#.utf8)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: #"\u00"#.utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
