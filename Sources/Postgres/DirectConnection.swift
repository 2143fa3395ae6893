/// A connection with a session of its own: no pooler stands between this program and the server.
///
/// What keeps something in a session from one transaction to the next takes this and nothing else: an advisory lock,
/// a role, a setting. ``Connection/direct(for:)`` alone gives it.
public struct DirectConnection: Sendable {
    /// The connection, for what needs no session of its own.
    public let connection: Connection

    fileprivate init(_ connection: Connection) {
        self.connection = connection
    }

    /// As ``Connection/run(_:)``.
    @discardableResult
    public func run<Result: Sendable>(_ body: @Sendable (Session) throws -> Result) async throws -> Result {
        try await connection.run(body)
    }

    /// As ``Connection/transaction(_:_:)``.
    @discardableResult
    public func transaction<Result: Sendable>(
        _ options: TransactionOptions = TransactionOptions(),
        _ body: @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await connection.transaction(options, body)
    }

    /// As ``Connection/close()``.
    public func close() async { await connection.close() }
}

extension Connection {
    /// The connection, for work that needs a session of its own; `work` is what that is, as a sentence begins.
    ///
    /// Throws ``PostgresError/Code/pooled`` behind a pooler, whatever its mode, before anything was set.
    public func direct(for work: String) async throws -> DirectConnection {
        try await run { try $0.requireDirect(for: work) }
        return DirectConnection(self)
    }
}
