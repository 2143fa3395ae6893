/// Reads JSON strictly: RFC 8259 in UTF-8 and nothing beyond it, no name twice in an object, no character that a
/// database could not store, and no deeper than a bound.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    /// The whole document.
    mutating func document() throws(JSONDefect) -> JSON {
        skipBlanks()
        let value = try value(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw defect("there is more after the document") }
        return value
    }

    private func defect(_ reason: String) -> JSONDefect { JSONDefect(offset: position, reason: reason) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func value(depth: Int) throws(JSONDefect) -> JSON {
        guard depth <= JSON.depthLimit else { throw defect("the document is nested too deeply") }
        switch next {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-")?, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return .number(try number())
        case nil: throw defect("the document ends too early")
        default: throw defect("a value is expected")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONDefect) -> JSON {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count else { throw defect("a value is expected") }
        for offset in 0..<word.utf8CodeUnitCount where bytes[position + offset] != word.utf8Start[offset] {
            throw defect("a value is expected")
        }
        position = end
        return value
    }

    private mutating func array(_ depth: Int) throws(JSONDefect) -> JSON {
        position += 1
        var elements: [JSON] = []
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            skipBlanks()
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw defect("a comma or ] is expected") }
        }
    }

    private mutating func object(_ depth: Int) throws(JSONDefect) -> JSON {
        position += 1
        var members: [JSON.Member] = []
        var names: Set<String> = []
        skipBlanks()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipBlanks()
            guard next == UInt8(ascii: "\"") else { throw defect("a name in quotes is expected") }
            let start = position
            let name = try string()
            // Which of two would be meant is anybody's guess, and programs guess differently.
            guard names.insert(name).inserted else {
                throw JSONDefect(offset: start, reason: "a name stands twice in an object")
            }
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw defect("a colon is expected") }
            skipBlanks()
            members.append(JSON.Member(name, try value(depth: depth + 1)))
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw defect("a comma or } is expected") }
        }
    }

    private mutating func number() throws(JSONDefect) -> String {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        guard position - start <= JSON.numberLengthLimit else { throw defect("a number is too long") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(JSONDefect) {
        let start = position
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw defect("a digit is expected") }
    }
}

// Strings.
extension JSONParser {
    private mutating func string() throws(JSONDefect) -> String {
        position += 1
        var start = position
        var text: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                text.append(contentsOf: bytes[start..<position])
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw defect("a string is not valid UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                text.append(contentsOf: bytes[start..<position])
                position += 1
                try escape(&text)
                start = position
            case 0..<0x20: throw defect("a control character stands in a string unescaped")
            default: position += 1
            }
        }
        throw defect("a string does not end")
    }

    private mutating func escape(_ text: inout [UInt8]) throws(JSONDefect) {
        guard let byte = next else { throw defect("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try scalar())).utf8)
        default: throw defect("an escape is unknown")
        }
    }

    private mutating func scalar() throws(JSONDefect) -> Unicode.Scalar {
        var value = try codeUnit()
        if (0xD800...0xDBFF).contains(value) {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw defect("half a surrogate pair") }
            let low = try codeUnit()
            guard (0xDC00...0xDFFF).contains(low) else { throw defect("half a surrogate pair") }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw defect("half a surrogate pair") }
        guard value != 0 else { throw defect("U+0000 cannot be stored") }
        return scalar
    }

    private mutating func codeUnit() throws(JSONDefect) -> UInt32 {
        guard position + 4 <= bytes.count else { throw defect("four hexadecimal digits are expected") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw defect("four hexadecimal digits are expected")
            }
            value = value << 4 + UInt32(digit)
            position += 1
        }
        return value
    }
}

extension JSON {
    /// Reads a document, strictly.
    public init(parsing bytes: [UInt8]) throws(JSONDefect) {
        let result = bytes.withUnsafeBufferPointer { bytes -> Result<JSON, JSONDefect> in
            var parser = JSONParser(bytes)
            do throws(JSONDefect) {
                return .success(try parser.document())
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }
}

/// Why a text is not a JSON document that is taken.
public struct JSONDefect: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where: the number of bytes before it.
    public let offset: Int
    /// What is wrong, as a clause.
    public let reason: String

    public init(offset: Int, reason: String) {
        self.offset = offset
        self.reason = reason
    }

    public var description: String { "\(reason), at byte \(offset)" }
}
