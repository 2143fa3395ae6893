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

extension DirectConnection {
    /// Asks the server what became of work, where this connection may have been lost in the middle of it.
    ///
    /// By the connection itself where it is there; else by a new one, as soon as the server has ended the old one's
    /// session: before that a transaction of it may still be committed. What the body finds is final. A cancelled task
    /// asks all the same.
    ///
    /// - Parameters:
    ///   - seconds: How long the end of the old session is waited for.
    ///   - unreachableSeconds: How long a server that does not answer is tried.
    /// Throws ``PostgresError`` where nobody could be asked in that time.
    public func afterwards<Result: Sendable>(
        withinSeconds seconds: Int, unreachableSeconds: Int,
        _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        // A task of its own does not inherit the cancellation.
        try await Task { [connection] in
            do {
                if await connection.isWorthKeeping { return try await connection.run(body) }
            } catch let error as PostgresError where error.code == .connectionLost {
                // It was lost and did not know yet.
            }
            let clock = ContinuousClock()
            let begunAt = clock.now
            while true {
                let another: Connection
                do {
                    another = try await Connection.open(connection.settings)
                } catch {
                    guard clock.now - begunAt < .seconds(unreachableSeconds) else { throw error }
                    try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
                    continue
                }
                do {
                    let result = try await another.run { [process = await connection.serverProcess] session in
                        try Self.isOver(process, session) ? Optional(try body(session)) : nil
                    }
                    await another.close()
                    if let result { return result }
                } catch {
                    await another.close()
                    throw error
                }
                guard clock.now - begunAt < .seconds(seconds) else {
                    throw PostgresError(.connectionLost, "The server still works for the connection that was lost.")
                }
                try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
            }
        }.value
    }

    private static let pauseMilliseconds = 200

    /// True once the server has ended the session of a process.
    private static func isOver(_ process: Int?, _ session: Session) throws -> Bool {
        guard let process else { return true }
        let rows = try session.query(
            "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1) AS is_over",
            [.int(Int64(process))])
        return try rows[0].bool("is_over")
    }
}
