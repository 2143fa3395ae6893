import ArgumentParser
import Domain

/// The values that several commands take.
enum Arguments {
    @Sendable static func month(_ text: String) throws -> Month {
        guard let month = Month(text) else {
            throw ValidationError("\"\(text)\" is not a month of the years 2000 to 2199, such as 2026-10.")
        }
        return month
    }

    @Sendable static func date(_ text: String) throws -> CalendarDate {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard text.utf8.count == 10, parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2],
            Limits.years.contains(year), let date = CalendarDate(year: year, month: month, day: day)
        else { throw ValidationError("\"\(text)\" is not a date of the years 2000 to 2199, such as 2026-11-05.") }
        return date
    }

    @Sendable static func instant(_ text: String) throws -> Instant {
        guard let instant = Instant(text) else {
            throw ValidationError("\"\(text)\" is not an instant with an offset, such as 2026-11-01T00:00:00Z.")
        }
        return instant
    }
}
