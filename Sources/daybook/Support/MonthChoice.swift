import ArgumentParser
import Console
import Domain
import Postgres

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
