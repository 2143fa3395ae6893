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
