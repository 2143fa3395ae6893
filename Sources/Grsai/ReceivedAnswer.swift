import Domain
import Foundation

/// An HTTP answer that arrived whole.
struct ReceivedAnswer: Sendable, Hashable {
    let status: Int
    /// The header `Retry-After`, as it was.
    let retryAfter: String?
    let body: [UInt8]
}

/// JSON of a provider whose types are not promised: what does not fit is absent, never an error.
enum LooseValue: Decodable, Sendable, Hashable {
    case null
    case truth(Bool)
    case integer(Int64)
    /// A number that is not an integer of 64 bits.
    case decimal(Decimal)
    case text(String)
    case list([LooseValue])
    case object([String: LooseValue])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let truth = try? value.decode(Bool.self) {
            self = .truth(truth)
        } else if let integer = try? value.decode(Int64.self) {
            self = .integer(integer)
        } else if let decimal = try? value.decode(Decimal.self) {
            self = .decimal(decimal)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([LooseValue].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: LooseValue].self))
        }
    }

    /// The value of a body, or nil where it is not JSON.
    static func parse(_ body: [UInt8]) -> LooseValue? {
        try? JSONDecoder().decode(LooseValue.self, from: Data(body))
    }

    subscript(name: String) -> LooseValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    /// The text, unless it is empty.
    var text: String? {
        guard case .text(let text) = self, !text.isEmpty else { return nil }
        return text
    }

    /// The whole part of a number, where 64 bits hold it.
    var integer: Int64? {
        switch self {
        case .integer(let integer): return integer
        case .decimal(var decimal):
            guard decimal.magnitude < 1_000_000_000_000_000 else { return nil }
            var whole = Decimal()
            NSDecimalRound(&whole, &decimal, 0, .down)
            return Int64(NSDecimalNumber(decimal: whole).stringValue)
        default: return nil
        }
    }

    /// The first element of a list.
    var first: LooseValue? {
        guard case .list(let elements) = self else { return nil }
        return elements.first
    }
}

/// What may be repeated of a foreign message: one line, of bounded length, without our key, the customer's prompt or an
/// address.
struct Remark {
    /// Texts that must not come out again.
    let secrets: [String]

    init(hiding secrets: [String?]) {
        // Short ones would blot out ordinary words; a key is longer, and a short prompt is no secret worth a word.
        self.secrets = secrets.compactMap(\.self).filter { $0.count >= 6 }
    }

    /// The text, made fit to be logged and shown.
    func clean(_ text: String) -> String {
        var line = String(String.UnicodeScalarView(text.unicodeScalars.map(Self.printable)))
        for secret in secrets { line = line.replacingOccurrences(of: secret, with: "…") }
        line = line.split(separator: " ").map { $0.contains("://") ? "…" : String($0) }.joined(separator: " ")
        return line.count > Limits.remarkLength ? String(line.prefix(Limits.remarkLength - 1)) + "…" : line
    }

    private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: " "
        default: scalar
        }
    }
}
