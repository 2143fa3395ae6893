import Codecs

/// A key of the Batch API: `dbk_live_` or `dbk_pilot_`, 32 random characters, and a checksum of 6.
///
/// The checksum tells a mistyped key from a wrong one without asking the database, and lets scanners for leaked keys
/// be sure. The random part has 190 bits: a fast hash of it is enough to keep.
public struct APIKey: Sendable, Hashable {
    /// What a key is for: customers' work, or trying it out in small batches.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        case live, pilot

        /// What every key of the kind begins with.
        var start: String { "dbk_\(rawValue)_" }
    }

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    private static let secretLength = 32
    private static let checksumLength = 6

    public let kind: Kind
    /// The whole key: shown once, when it is made.
    public let text: String

    /// A new key.
    public init(kind: Kind = .live) {
        var generator = SystemRandomNumberGenerator()
        self.init(kind: kind, using: &generator)
    }

    init(kind: Kind, using generator: inout some RandomNumberGenerator) {
        self.kind = kind
        var secret = kind.start
        for _ in 0..<Self.secretLength {
            let index = Int.random(in: 0..<Self.alphabet.count, using: &generator)
            secret.unicodeScalars.append(Unicode.Scalar(Self.alphabet[index]))
        }
        text = secret + Self.checksum(of: secret)
    }

    /// Reads a key; nil where it is none of ours, or mistyped.
    public init?(_ text: String) {
        guard let kind = Self.kind(of: text) else { return nil }
        let length = kind.start.utf8.count + Self.secretLength
        let bytes = Array(text.utf8)
        guard bytes.count == length + Self.checksumLength,
            bytes[kind.start.utf8.count...].allSatisfy(Self.alphabet.contains)
        else { return nil }
        let secret = String(decoding: bytes[..<length], as: UTF8.self)
        guard Self.checksum(of: secret) == String(decoding: bytes[length...], as: UTF8.self) else { return nil }
        self.kind = kind
        self.text = text
    }

    private static func kind(of text: String) -> Kind? { Kind.allCases.first { text.hasPrefix($0.start) } }

    /// True for what looks like one of our keys, mistyped ones included.
    public static func isOurs(_ text: String) -> Bool { kind(of: text) != nil }

    /// SHA-256 of the key, which is all that is kept of it.
    public var digest: [UInt8] { Self.digest(of: text) }

    /// The same of a key in whatever form an application gave it out.
    static func digest(of text: String) -> [UInt8] { SHA256Digest.bytes(Array(text.utf8)) }

    /// The beginning of the key, by which people tell keys apart.
    public var displayPrefix: String { String(text.prefix(kind.start.count + 6)) }

    private static func checksum(of text: String) -> String {
        var value = Int(CRC32.checksum(text.utf8))
        var digits: [UInt8] = []
        for _ in 0..<checksumLength {
            digits.append(alphabet[value % alphabet.count])
            value /= alphabet.count
        }
        return String(decoding: digits.reversed(), as: UTF8.self)
    }
}

/// The key never appears in a log by accident.
extension APIKey: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String { displayPrefix + "…" }
    public var debugDescription: String { description }
}

/// The checksum of ZIP, PNG and Ethernet (polynomial 0xEDB88320, reflected).
enum CRC32 {
    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        return ~value
    }
}

/// Comparisons that take as long for a near miss as for a wild guess.
enum ConstantTime {
    /// True if both are the same bytes. Only their lengths show in the time it takes.
    static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
