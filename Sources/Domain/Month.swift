/// A calendar month without a time zone, written `2026-10`.
public struct Month: Hashable, Comparable, Sendable {
    /// The year, within ``Limits/years``.
    public let year: Int
    /// 1 to 12.
    public let number: Int

    /// The month, or nil outside the calendar or ``Limits/years``.
    public init?(year: Int, number: Int) {
        guard Limits.years.contains(year), (1...12).contains(number) else { return nil }
        self.year = year
        self.number = number
    }

    /// Reads `2026-10`: four digits, a hyphen, two digits, and nothing else.
    public init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].count == 4, parts[1].count == 2,
            parts.allSatisfy({ $0.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }),
            let year = Int(String(parts[0]) ?? ""), let number = Int(String(parts[1]) ?? "")
        else { return nil }
        self.init(year: year, number: number)
    }

    /// The first day of the month.
    public var firstDay: CalendarDate { Month.firstDay(ofMonth: index) }

    /// The first day of the following month: the month's exclusive end.
    public var endDay: CalendarDate { Month.firstDay(ofMonth: index + 1) }

    /// The month so many months later, or earlier where negative; nil outside ``Limits/years``.
    public func adding(months: Int) -> Month? {
        let moved = index + months
        return Month(year: moved / 12, number: moved % 12 + 1)
    }

    private var index: Int { year * 12 + number - 1 }

    private static func firstDay(ofMonth index: Int) -> CalendarDate {
        guard let day = CalendarDate(year: index / 12, month: index % 12 + 1, day: 1) else {
            preconditionFailure("month \(index) has a first day")
        }
        return day
    }

    public static func < (left: Month, right: Month) -> Bool { left.index < right.index }
}

extension Month: CustomStringConvertible {
    /// `2026-10`.
    public var description: String { String(firstDay.description.prefix(7)) }

    /// `October 2026`.
    public var title: String {
        let names = [
            "January", "February", "March", "April", "May", "June", "July",
            "August", "September", "October", "November", "December",
        ]
        return "\(names[number - 1]) \(year)"
    }
}

/// A day of the proleptic Gregorian calendar, without a time zone.
public struct CalendarDate: Hashable, Comparable, Sendable {
    /// Days since 1970-01-01, negative before it.
    public let daysSinceEpoch: Int

    /// The day so many days after 1970-01-01.
    public init(daysSinceEpoch: Int) {
        self.daysSinceEpoch = daysSinceEpoch
    }

    /// The day of a year, a month (1 to 12) and a day (1 to 31), or nil where
    /// the calendar has no such day.
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day) else { return nil }
        // Days from the civil calendar: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.init(daysSinceEpoch: era * 146_097 + dayOfEra - 719_468)
        guard components == (year, month, day) else { return nil }
    }

    /// Year, month (1 to 12) and day (1 to 31).
    public var components: (year: Int, month: Int, day: Int) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    public static func < (left: CalendarDate, right: CalendarDate) -> Bool {
        left.daysSinceEpoch < right.daysSinceEpoch
    }
}

extension CalendarDate: CustomStringConvertible {
    /// ISO 8601, `2026-10-01`.
    public var description: String {
        var bytes: [UInt8] = []
        appendUTF8(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends ``description`` to a byte buffer without making a string.
    public func appendUTF8(to bytes: inout [UInt8]) {
        let (year, month, day) = components
        if year < 0 { bytes.append(UInt8(ascii: "-")) }
        bytes.appendPadded(Int64(abs(year)), width: 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendPadded(Int64(month), width: 2)
        bytes.append(UInt8(ascii: "-"))
        bytes.appendPadded(Int64(day), width: 2)
    }
}
