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

extension Instant {
    /// Reads ISO 8601 with a date, a time to the minute or finer (at most microseconds) and an offset:
    /// `2026-10-01T04:00:00Z`, `2026-10-01 04:00:00.5+05:45`. Nil for anything else, an instant without an offset
    /// included.
    public init?(_ text: String) {
        var parser = Parser(bytes: Array(text.utf8))
        guard let instant = parser.instant() else { return nil }
        self = instant
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        mutating func instant() -> Instant? {
            guard let year = digits(4), take("-"), let month = digits(2), take("-"), let day = digits(2),
                let date = CalendarDate(year: year, month: month, day: day), take("T") || take(" ") || take("t"),
                let hour = digits(2), take(":"), let minute = digits(2), hour < 24, minute < 60
            else { return nil }
            var second = 0
            var fraction = 0
            if take(":") {
                guard let value = digits(2), value < 60 else { return nil }
                second = value
                if take(".") {
                    guard let value = microseconds() else { return nil }
                    fraction = value
                }
            }
            guard let offset = offsetSeconds(), position == bytes.count else { return nil }
            let seconds = Int64(date.daysSinceEpoch) * 86_400 + Int64(hour * 3600 + minute * 60 + second - offset)
            return Instant(microseconds: seconds * 1_000_000 + Int64(fraction))
        }

        mutating func take(_ character: Character) -> Bool {
            guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
            position += 1
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            guard position + count <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[position..<(position + count)] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            position += count
            return value
        }

        mutating func microseconds() -> Int? {
            var value = 0
            var count = 0
            while let digit = digits(1) {
                count += 1
                guard count <= 6 else { return nil }
                value = value * 10 + digit
            }
            guard count > 0 else { return nil }
            for _ in count..<6 { value *= 10 }
            return value
        }

        mutating func offsetSeconds() -> Int? {
            if take("Z") || take("z") { return 0 }
            let sign = take("+") ? 1 : take("-") ? -1 : 0
            guard sign != 0, let hours = digits(2), hours < 16 else { return nil }
            var minutes = 0
            if take(":") || position < bytes.count {
                guard let value = digits(2), value < 60 else { return nil }
                minutes = value
            }
            return sign * (hours * 3600 + minutes * 60)
        }
    }
}

/// A half-open interval of time: the start belongs to it, the end does not.
public struct Period: Hashable, Sendable {
    /// The first instant of the period.
    public let start: Instant
    /// The first instant after the period.
    public let end: Instant

    /// Precondition: the start is not after the end.
    public init(start: Instant, end: Instant) {
        precondition(start <= end, "a period ends after it starts")
        self.start = start
        self.end = end
    }

    /// True for the start and for everything before the end.
    public func contains(_ instant: Instant) -> Bool { instant >= start && instant < end }
}
