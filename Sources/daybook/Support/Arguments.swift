import ArgumentParser
import Console
import Domain
import Postgres

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

    /// An instant, or a date: its first instant in UTC.
    @Sendable static func instant(_ text: String) throws -> Instant {
        guard let instant = Instant(text) ?? (try? date(text)).flatMap({ Instant("\($0)T00:00:00Z") }) else {
            throw ValidationError(
                "\"\(text)\" is neither an instant with an offset, such as 2026-11-01T00:00:00Z, nor a date, such as "
                    + "2026-11-01, which is its midnight in UTC.")
        }
        return instant
    }
}

/// The month that a command is about: one by its name, or the last one that is over.
enum MonthChoice: Sendable {
    case named(Month)
    case last

    @Sendable static func parse(_ text: String) throws -> MonthChoice {
        text == "last" ? .last : .named(try Arguments.month(text))
    }

    /// The month. The last one is that before the month, in UTC, that the database's clock is in.
    func month(_ settings: () async throws -> ConnectionSettings) async throws -> Month {
        switch self {
        case .named(let month): return month
        case .last:
            let text = try await DatabaseOptions.withConnection(try await settings()) { connection in
                try await connection.transaction(TransactionOptions(readOnly: true)) { session in
                    try session.query(
                        """
                        SELECT to_char((now() AT TIME ZONE 'UTC') - interval '1 month', 'YYYY-MM') AS month
                        """)[0].text("month")
                }
            }
            guard let month = Month(text) else {
                throw DaybookError.badData("The database's clock is outside of the years that are reported.")
            }
            return month
        }
    }
}
