import Formats

/// What a ledger row calls its batch. Nearly all are UUIDs in their canonical form, which is kept as 16 bytes: a ledger
/// has millions of them.
public struct BatchReference: Sendable, Hashable {
    private enum Form: Sendable, Hashable {
        case uuid(high: UInt64, low: UInt64)
        case text(String)
        case single(String)
    }

    private let form: Form

    public init(_ text: String) {
        var text = text
        let numbers = text.withUTF8 { Self.numbers(UnsafeRawBufferPointer($0)) }
        form = numbers.map { .uuid(high: $0, low: $1) } ?? .text(text)
    }

    /// What the rows of a video that was bought by itself have in common: never a batch's.
    public init(single reference: String) { form = .single(reference) }

    /// Nil unless the bytes are the canonical text of a UUID: lower-case digits, with hyphens.
    public init?(canonicalUUID bytes: UnsafeRawBufferPointer) {
        guard let (high, low) = Self.numbers(bytes) else { return nil }
        form = .uuid(high: high, low: low)
    }

    public var text: String {
        switch form {
        case .text(let text): return text
        case .single(let reference): return "single video \(reference)"
        case .uuid(let high, let low):
            let bytes = [high, low].flatMap { withUnsafeBytes(of: $0.bigEndian, Array.init) }
            let digits = Array(Hexadecimal.text(bytes).utf8)
            let groups = [digits[..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20...]]
            return String(decoding: Array(groups.joined(separator: [UInt8(ascii: "-")])), as: UTF8.self)
        }
    }

    private static func numbers(_ bytes: UnsafeRawBufferPointer) -> (UInt64, UInt64)? {
        let hyphen = UInt8(ascii: "-")
        guard bytes.count == 36, bytes[8] == hyphen, bytes[13] == hyphen, bytes[18] == hyphen, bytes[23] == hyphen,
            let a = number(bytes, 0..<8), let b = number(bytes, 9..<13), let c = number(bytes, 14..<18),
            let d = number(bytes, 19..<23), let e = number(bytes, 24..<36)
        else { return nil }
        return (a << 32 | b << 16 | c, d << 48 | e)
    }

    /// The value of lower-case hexadecimal digits.
    private static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        for index in range {
            let byte = bytes[index]
            let isDigit = byte &- UInt8(ascii: "0") < 10
            guard isDigit || byte &- UInt8(ascii: "a") < 6 else { return nil }
            number = number << 4 | UInt64(isDigit ? byte &- UInt8(ascii: "0") : byte &- UInt8(ascii: "a") &+ 10)
        }
        return number
    }
}
