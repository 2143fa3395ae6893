/// A point in time: whole microseconds since 1970-01-01T00:00:00Z, the
/// resolution of PostgreSQL's `timestamptz`.
///
/// PostgreSQL's `infinity` and `-infinity` are ``distantFuture`` and
/// ``distantPast``. Years outside 1 to 9999 print, but never parse.
public struct Instant: Hashable, Comparable, Sendable {
    /// Microseconds since the Unix epoch, negative before it.
    public let microseconds: Int64

    /// An instant so many microseconds after the Unix epoch.
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// PostgreSQL's `infinity`.
    public static let distantFuture = Instant(microseconds: .max)
    /// PostgreSQL's `-infinity`.
    public static let distantPast = Instant(microseconds: .min)

    /// False for `infinity` and `-infinity`.
    public var isFinite: Bool { self != .distantFuture && self != .distantPast }

    public static func < (left: Instant, right: Instant) -> Bool {
        left.microseconds < right.microseconds
    }

    /// The instant so many seconds later; an infinite instant stays as it is.
    public func adding(seconds: Int64) -> Instant {
        isFinite ? Instant(microseconds: microseconds + seconds * 1_000_000) : self
    }

    /// Microseconds from `other` to this instant.
    ///
    /// Precondition: both are finite.
    public func microseconds(since other: Instant) -> Int64 {
        precondition(isFinite && other.isFinite, "an infinite instant has no distance")
        return microseconds - other.microseconds
    }
}

extension Instant: CustomStringConvertible {
    /// UTC with microseconds and offset, `2026-10-01T04:00:00.000000+00:00`:
    /// the one form in which every report writes an instant.
    public var description: String {
        switch self {
        case .distantFuture: return "infinity"
        case .distantPast: return "-infinity"
        default:
            var bytes: [UInt8] = []
            appendUTF8(to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Appends ``description`` to a byte buffer without making a string.
    public func appendUTF8(to bytes: inout [UInt8]) {
        guard isFinite else {
            bytes.append(contentsOf: self == .distantFuture ? "infinity".utf8 : "-infinity".utf8)
            return
        }
        let dayLength: Int64 = 86_400_000_000
        let (day, timeOfDay) = microseconds.flooredDivision(by: dayLength)
        CalendarDate(daysSinceEpoch: Int(day)).appendUTF8(to: &bytes)
        bytes.append(UInt8(ascii: "T"))
        let seconds = timeOfDay / 1_000_000
        bytes.appendPadded(seconds / 3600, width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendPadded(seconds / 60 % 60, width: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes.appendPadded(seconds % 60, width: 2)
        bytes.append(UInt8(ascii: "."))
        bytes.appendPadded(timeOfDay % 1_000_000, width: 6)
        bytes.append(contentsOf: "+00:00".utf8)
    }
}

extension Int64 {
    /// Quotient rounded towards negative infinity, and the remainder that is never negative.
    ///
    /// Precondition: `divisor` is positive.
    func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        var (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        if remainder < 0 {
            quotient -= 1
            remainder += divisor
        }
        return (quotient, remainder)
    }
}

extension [UInt8] {
    /// Appends a number in decimal, filled with zeros on the left to at least `width` digits.
    ///
    /// Precondition: the number is not negative.
    mutating func appendPadded(_ number: Int64, width: Int) {
        precondition(number >= 0, "only numbers from 0 are padded")
        var divisor: Int64 = 1
        var digits = 1
        while digits < width || number / divisor >= 10 {
            divisor *= 10
            digits += 1
        }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }
}
