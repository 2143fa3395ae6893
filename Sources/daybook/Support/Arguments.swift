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

    @Sendable static func instant(_ text: String) throws -> Instant {
        guard let instant = Instant(text) else {
            throw ValidationError("\"\(text)\" is not an instant with an offset, such as 2026-11-01T00:00:00Z.")
        }
        return instant
    }
}
