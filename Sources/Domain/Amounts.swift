/// An amount of US dollars in whole millionths of a dollar.
public struct Dollars: Hashable, Comparable, Sendable {
    /// Millionths of a dollar.
    public let micros: Int64

    public static let zero = Dollars(micros: 0)

    public init(micros: Int64) {
        self.micros = micros
    }

    /// Reads a decimal with at most six places; nil for anything else.
    public init?(_ text: String) {
        guard let micros = FixedPoint.parse(text, places: 6) else { return nil }
        self.init(micros: micros)
    }

    /// The share of a percentage, in whole cents: half a cent rounds up.
    ///
    /// Precondition: amount and percentage are not negative.
    public func share(_ percent: Percent) -> Dollars {
        precondition(micros >= 0 && percent.tenThousandths >= 0, "a share of a debt has no rounding rule")
        let product = micros.multipliedFullWidth(by: percent.tenThousandths)
        // micros · ten-thousandths of a percent / 1,000,000 are micros; 10,000 micros are a cent.
        let (cents, rest) = Int64(10_000_000_000).dividingFullWidth(product)
        return Dollars(micros: (rest >= 5_000_000_000 ? cents + 1 : cents) * 10_000)
    }

    public static func < (left: Dollars, right: Dollars) -> Bool { left.micros < right.micros }
}

extension Dollars: CustomStringConvertible {
    /// Two decimals where the amount is in whole cents, else as many as it takes, at most six: `1500.00`.
    public var description: String {
        var text = FixedPoint.text(micros, places: 6)
        var removable = 4
        while removable > 0, text.hasSuffix("0") {
            text.removeLast()
            removable -= 1
        }
        return text
    }
}

/// A percentage in whole ten-thousandths of a percent, so that nothing is ever rounded in silence.
public struct Percent: Hashable, Comparable, Sendable {
    /// Ten-thousandths of a percent: 99.9 % is 999,000.
    public let tenThousandths: Int64

    public static let hundred = Percent(tenThousandths: 1_000_000)
    public static let zero = Percent(tenThousandths: 0)

    public init(tenThousandths: Int64) {
        self.tenThousandths = tenThousandths
    }

    /// Reads a decimal with at most four places, such as `99.9`; nil for anything else.
    public init?(_ text: String) {
        guard let value = FixedPoint.parse(text, places: 4) else { return nil }
        self.init(tenThousandths: value)
    }

    public static func < (left: Percent, right: Percent) -> Bool {
        left.tenThousandths < right.tenThousandths
    }
}

extension Percent: CustomStringConvertible {
    /// Four decimals, without a sign: `99.9000`.
    public var description: String { FixedPoint.text(tenThousandths, places: 4) }
}

/// A duration in whole milliseconds, rounded up: a limit that was missed never looks met.
public enum Seconds {
    /// The milliseconds that hold so many microseconds, rounded towards positive infinity.
    public static func milliseconds(roundingUp microseconds: Int64) -> Int64 {
        let (quotient, remainder) = microseconds.flooredDivision(by: 1000)
        return remainder > 0 ? quotient + 1 : quotient
    }

    /// Seconds with three decimals, rounded up: 139,454,001 microseconds are `139.455`.
    public static func text(microseconds: Int64) -> String {
        FixedPoint.text(milliseconds(roundingUp: microseconds), places: 3)
    }
}

/// Whole numbers for people: groups of three, and a minus that is one.
public enum GroupedNumber {
    /// `-1234567` is `−1,234,567`.
    public static func text(_ number: Int64) -> String {
        var bytes: [UInt8] = []
        append(number, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A number that is written in digits, with the ones before its point in groups: `-1234.5` is `-1,234.5`. Any
    /// other text, one with an exponent for example, stays as it is.
    public static func grouping(_ text: String) -> String {
        let unsigned = text.hasPrefix("-") ? text.dropFirst() : Substring(text)
        let whole = unsigned.prefix { $0 != "." }
        let rest = unsigned.dropFirst(whole.count)
        func isDigits(_ part: Substring) -> Bool {
            !part.isEmpty && part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
        guard whole.count > 3, isDigits(whole), rest.isEmpty || isDigits(rest.dropFirst()) else { return text }
        var grouped = ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index).isMultiple(of: 3) { grouped.append(",") }
            grouped.append(digit)
        }
        return (text.hasPrefix("-") ? "-" : "") + grouped + rest
    }

    /// Appends ``text(_:)`` to a byte buffer without making a string.
    public static func append(_ number: Int64, to bytes: inout [UInt8]) {
        if number < 0 { bytes.append(contentsOf: "−".utf8) }
        let start = bytes.count
        var rest = number.magnitude
        var digits = 0
        repeat {
            if digits > 0, digits.isMultiple(of: 3) { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
            digits += 1
        } while rest > 0
        bytes[start...].reverse()
    }

    /// An amount with its dollar sign: `$1,234.50`.
    public static func text(_ amount: Dollars) -> String {
        let exact = Dollars(micros: Int64(amount.micros.magnitude)).description
        let point = exact.firstIndex(of: ".") ?? exact.endIndex
        let sign = amount.micros < 0 ? "−" : ""
        return sign + "$" + text(Int64(exact[..<point]) ?? 0) + exact[point...]
    }
}

/// Fixed-point decimals: text to whole units and back, without floating point.
public enum FixedPoint {
    /// Reads `-12.5` as whole units of 10^-places: at most that many decimals, digits
    /// on both sides of a point, no exponent, no blanks. Nil for anything else or an overflow.
    public static func parse(_ text: String, places: Int) -> Int64? {
        var digits = Substring(text)
        let negative = digits.first == "-"
        if negative { digits.removeFirst() }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }),
            parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } })
        else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= places else { return nil }
        let padding = String(repeating: "0", count: places - fraction.count)
        return Int64((negative ? "-" : "") + parts[0] + fraction + padding)
    }

    /// Writes whole units of 10^-places with exactly that many decimals: `text(5, places: 2)` is `0.05`.
    public static func text(_ units: Int64, places: Int) -> String {
        var digits = String(units.magnitude)
        if digits.utf8.count <= places {
            digits = String(repeating: "0", count: places + 1 - digits.utf8.count) + digits
        }
        let split = digits.index(digits.endIndex, offsetBy: -places)
        let sign = units < 0 ? "-" : ""
        return places == 0 ? sign + digits : sign + digits[..<split] + "." + digits[split...]
    }
}

extension Dollars {
    /// The cost of `part` of `whole` credits that cost this much together, rounded down to a millionth of a dollar.
    ///
    /// Costs of draws add up to the lot's when it is empty, because the rest of the cost stays with the rest of the
    /// credits. Precondition: 0 ≤ part ≤ whole, and the amount is not negative.
    public func share(of part: Int64, in whole: Int64) -> Dollars {
        precondition(micros >= 0 && 0 <= part && part <= whole, "a share is a part of what there is")
        guard whole > 0 else { return .zero }
        return Dollars(micros: whole.dividingFullWidth(micros.multipliedFullWidth(by: part)).quotient)
    }
}
