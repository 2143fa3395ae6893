internal import Domain
internal import Postgres

/// Work that a cancelled task still finishes: an interrupted purge ends after its transaction, not in it.
enum Uninterrupted {
    /// The limits of a purge's transaction.
    static let options = TransactionOptions(
        statementTimeoutMilliseconds: Limits.purgeStatementMilliseconds,
        lockTimeoutMilliseconds: Limits.purgeLockMilliseconds)

    @discardableResult
    static func transaction<Result: Sendable>(
        _ connection: Connection, _ options: TransactionOptions = options,
        _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        // A task of its own does not inherit the cancellation.
        try await Task { try await connection.transaction(options, body) }.value
    }

    @discardableResult
    static func run<Result: Sendable>(
        _ connection: Connection, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await Task { try await connection.run(body) }.value
    }
}
