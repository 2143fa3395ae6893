internal import Domain
internal import Foundation
internal import Postgres

/// Why a deleting or redacting statement failed, in words that say what to do.
enum SweepFailure {
    /// True where the same can go well a moment later.
    static func isPassing(_ error: PostgresError) -> Bool {
        error.code == .lockNotAvailable || error.code == .timeout || error.sqlState == .serializationFailure
            || error.sqlState == .deadlock
    }

    /// Waits a moment before the next attempt. Throws `tryAgain` after too many in a row: the run can be resumed.
    ///
    /// - Parameter what: What was tried on what, as the beginning of a sentence.
    static func wait(after refusals: Int, _ what: String, _ error: PostgresError) async throws {
        guard refusals < Limits.purgeAttempts else {
            throw DaybookError(
                .tryAgain, "\(what) \(refusals) times in a row; the purge stopped there.",
                debugText: String(reflecting: error))
        }
        try? await Task.sleep(for: .milliseconds(100 * refusals))
    }

    /// What a failure of the statement means; nil for one that is passing, or that is not about the table.
    ///
    /// The message of the server may hold values, and is left to the details.
    static func explain(_ error: PostgresError, _ relation: String) -> DaybookError? {
        guard !isPassing(error), let state = error.sqlState else { return nil }
        let debug = String(reflecting: error)
        if let column = column(thatCameBack: error) {
            return DaybookError(
                .badData,
                "A trigger of \(relation) writes into the column \(column), which a redaction clears; let it leave "
                    + "what is being cleared alone.", debugText: debug)
        }
        let constraint = error.constraint.map { "the constraint \($0)" } ?? "a constraint"
        switch state {
        case .foreignKeyViolation:
            return DaybookError(
                .configuration,
                "Rows of \(error.table ?? "another table") still refer to rows of \(relation) that are due, by "
                    + "\(constraint); delete those first, or drop it.", debugText: debug)
        case .checkViolation, .notNullViolation, .uniqueViolation, .exclusionViolation:
            let what = error.column.map { "the column \($0) may not be null" } ?? "\(constraint) forbids it"
            return DaybookError(
                .badData, "Rows of \(error.table ?? relation) cannot be cleared: \(what).", debugText: debug)
        case .insufficientPrivilege:
            return DaybookError(
                .configuration,
                "A right is missing on \(relation), or on what its triggers use: \(error.sentence) After a change of "
                    + "the tables run: ", .take(.grantRoles), debugText: debug)
        case .undefinedTable, .undefinedFunction, .undefinedColumn, .raisedException:
            return DaybookError(
                .badData, "A trigger of \(relation) failed: \(error.sentence)", debugText: debug)
        case "55000", "42P10", "0A000":
            // A publication, or a rule, that came after the look at the catalogue: the message names nothing else.
            return DaybookError(
                .configuration,
                "The database lets no row of \(relation) go: \(error.message ?? error.sentence). What is in the way, "
                    + "and what mends it, says: ", .take(.check), debugText: debug)
        default: return nil
        }
    }

    private static func column(thatCameBack error: PostgresError) -> String? {
        guard let message = error.message, let start = message.range(of: SweepStatement.cameBack)?.upperBound else {
            return nil
        }
        return String(message[start...].prefix { $0 != "\"" })
    }
}
