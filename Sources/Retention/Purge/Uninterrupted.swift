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
        _ connection: DirectConnection, _ options: TransactionOptions = options,
        _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        // A task of its own does not inherit the cancellation.
        try await Task { try await connection.transaction(options, body) }.value
    }

    /// A transaction that changes something, in the session that keeps a second purge out.
    @discardableResult
    static func changing<Result: Sendable>(
        _ connection: DirectConnection, _ options: TransactionOptions = options,
        _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await transaction(connection, options) { session in
            try PurgeLock.require(session)
            return try body(session)
        }
    }

    @discardableResult
    static func run<Result: Sendable>(
        _ connection: DirectConnection, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await reading(connection.connection, body)
    }

    /// What needs no session of its own.
    static func reading<Result: Sendable>(
        _ connection: Connection, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await Task { try await connection.run(body) }.value
    }
}
