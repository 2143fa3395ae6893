public import Domain

/// One value of a report's table, before anybody decides how it looks.
public enum Cell: Hashable, Sendable {
    /// A value that does not apply.
    case empty
    case text(String)
    /// A text that people are shown with a remark beside it, and whether it may still change: files hold the text
    /// alone.
    case remarked(String, remark: String, isOpen: Bool)
    case integer(Int64)
    case percent(Percent)
    /// A duration in microseconds; it is shown in seconds, rounded up to three decimals.
    case duration(microseconds: Int64)
    /// A duration that never ended: empty in files, since a word in a column of numbers makes it one of text.
    case infinite
    case dollars(Dollars)
    case instant(Instant)
    case boolean(Bool)
    /// A decimal number as PostgreSQL prints it.
    case decimal(DecimalText)

    /// The value as people read it on a page.
    public var pageText: String {
        switch self {
        case .infinite: "never"
        case .remarked(let text, let remark, _): "\(text): \(remark)"
        default: plainText
        }
    }

    /// The value as CSV shows it, without any quoting.
    public var plainText: String {
        switch self {
        case .empty, .infinite: ""
        case .text(let text), .remarked(let text, _, _): text
        case .decimal(let decimal): decimal.text
        case .integer(let number): String(number)
        case .percent(let percent): percent.description
        case .duration(let microseconds): Seconds.text(microseconds: microseconds)
        case .dollars(let amount): amount.description
        case .instant(let instant): instant.description
        case .boolean(let value): value ? "true" : "false"
        }
    }

    /// Characters of a text with its remark; 0 for every other value.
    var remarkedLength: Int {
        if case .remarked = self { pageText.count + 3 } else { 0 }
    }

    /// True where a spreadsheet might take the value for a formula: text only, numbers never.
    var isText: Bool {
        switch self {
        case .text, .remarked: true
        default: false
        }
    }
}

/// The text of a decimal number, and of nothing else: it goes into files as it is.
public struct DecimalText: Hashable, Sendable {
    public let text: String

    /// Takes what PostgreSQL prints for a number: `-12.50`, `1e+22`. Nil for anything else: NaN and the infinities, a
    /// plus in front, blanks, hexadecimal digits.
    public init?(_ text: String) {
        var rest = Substring(text).utf8
        func takeDigits() -> Bool {
            let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
            rest = rest.dropFirst(count)
            return count > 0
        }
        func take(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = take("-")
        guard takeDigits() else { return nil }
        if take("."), !takeDigits() { return nil }
        if take("eE") {
            _ = take("+-")
            guard takeDigits() else { return nil }
        }
        guard rest.isEmpty else { return nil }
        self.text = text
    }

    /// Digits from the first that is not 0 on, without an exponent.
    var significantDigits: Int {
        text.utf8.prefix { $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "E") }
            .filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .drop { $0 == UInt8(ascii: "0") }.count
    }
}

extension Cell {
    /// The cell of a value, or an empty one.
    package static func optional(_ text: String?) -> Cell { text.map(Cell.text) ?? .empty }
    package static func optional(_ number: Int64?) -> Cell { number.map(Cell.integer) ?? .empty }
    package static func optional(_ percent: Percent?) -> Cell { percent.map(Cell.percent) ?? .empty }
    package static func verdict(_ verdict: Verdict) -> Cell { .text(verdict.rawValue) }
    /// A number with four decimals, from ten-thousandths.
    package static func ratio(tenThousandths: Int64?) -> Cell {
        tenThousandths.flatMap { DecimalText(Percent(tenThousandths: $0).description) }.map(Cell.decimal) ?? .empty
    }
}
