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
