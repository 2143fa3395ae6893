internal import Synchronization

/// Connections to one database that many tasks share, each for one body at a time.
///
/// They are opened when they are first needed, at most ``Limits/maxConnections``, and lent in the order of asking.
/// One that was lost is replaced, and so is one whose server takes no changes. Cancelling a task that waits takes it
/// out of the line; cancelling one that works cancels what it runs, as ``Connection`` does.
public final class ConnectionPool: Sendable {
    /// The bounds of a pool.
    public struct Limits: Sendable, Hashable {
        /// Connections at most: each is a process of the server.
        public var maxConnections: Int
        /// Tasks that may wait for one: more than that would only wait in vain.
        public var maxWaiting: Int
        /// Seconds that one may wait.
        public var waitSeconds: Int

        public init(maxConnections: Int = 8, maxWaiting: Int = 1000, waitSeconds: Int = 10) {
            self.maxConnections = maxConnections
            self.maxWaiting = maxWaiting
            self.waitSeconds = waitSeconds
        }
    }

    /// What one who waits is given in the end.
    private enum Grant: Sendable {
        case connection(Connection)
        /// A place, in which to open a connection.
        case place
    }

    private struct State {
        var queue: PoolQueue<Connection>
        var nextNumber: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Grant, any Error>] = [:]
    }

    private let settings: ConnectionSettings
    private let limits: Limits
    private let state: Mutex<State>

    public init(_ settings: ConnectionSettings, limits: Limits = Limits()) {
        self.settings = settings
        self.limits = limits
        state = Mutex(State(queue: PoolQueue(maxConnections: limits.maxConnections, maxWaiting: limits.maxWaiting)))
    }

    /// Runs a body on a connection and returns its result.
    ///
    /// Throws what the body throws and what opening a connection throws, and ``PostgresError``:
    /// - ``PostgresError/Code/poolExhausted`` if none became free in time;
    /// - ``PostgresError/Code/closed`` after ``close()``;
    /// - ``PostgresError/Code/cancelled`` if the task was cancelled while it waited.
    @discardableResult
    public func run<Result: Sendable>(_ body: @Sendable (Session) throws -> Result) async throws -> Result {
        let connection = try await borrow()
        do {
            let result = try await connection.run(body)
            await giveBack(connection)
            return result
        } catch {
            await giveBack(connection)
            throw error
        }
    }

    /// Runs a body in a transaction: committed when it returns, rolled back when it throws.
    ///
    /// Throws as ``run(_:)`` and ``Session/transaction(_:_:)`` do.
    @discardableResult
    public func transaction<Result: Sendable>(
        _ options: TransactionOptions = TransactionOptions(),
        _ body: @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await run { session in
            try session.transaction(options) { try body(session) }
        }
    }

    /// Closes the idle connections now and the others when they come back; those who wait are told so.
    public func close() async {
        let (idle, waiters) = state.withLock { state in
            let closed = state.queue.close()
            return (closed.idle, closed.waiting.compactMap { state.waiters.removeValue(forKey: $0) })
        }
        for waiter in waiters { waiter.resume(throwing: Self.closedError) }
        for connection in idle { await connection.close() }
    }

    private func borrow() async throws -> Connection {
        var grant = try await ask()
        // One that was lost while it was idle gives its place to a new one.
        if case .connection(let connection) = grant, await !connection.isWorthKeeping {
            await connection.close()
            grant = .place
        }
        switch grant {
        case .connection(let connection): return connection
        case .place:
            do {
                return try await Connection.open(settings)
            } catch {
                await finish(state.withLock { $0.queue.giveBack(nil) })
                throw error
            }
        }
    }

    private func giveBack(_ connection: Connection) async {
        let isKept = await connection.isWorthKeeping
        if !isKept { await connection.close() }
        await finish(state.withLock { $0.queue.giveBack(isKept ? connection : nil) })
    }

    private func finish(_ step: PoolQueue<Connection>.Step) async {
        switch step {
        case .hand(let connection, let number): resume(number, .success(.connection(connection)))
        case .open(let number): resume(number, .success(.place))
        case .close(let connection): await connection.close()
        case .nothing: break
        }
    }

    private func resume(_ number: UInt64, _ result: Result<Grant, any Error>) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
        waiter?.resume(with: result)
    }
}

// The line in front of the pool.
extension ConnectionPool {
    private static var closedError: PostgresError { PostgresError(.closed, "The connection pool was closed before.") }

    private var exhaustedError: PostgresError {
        PostgresError(
            .poolExhausted,
            "No database connection became free in time: all \(limits.maxConnections) are at work; try again later, "
                + "or allow more connections.")
    }

    /// A connection or a place for one, at once or after a wait.
    private func ask() async throws -> Grant {
        let number = state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        let limit = Task {
            try await Task.sleep(for: .seconds(limits.waitSeconds))
            giveUp(number, exhaustedError)
        }
        defer { limit.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { join(number, $0) }
        } onCancel: {
            giveUp(number, PostgresError(.cancelled, "Waiting for a database connection was cancelled."))
        }
    }

    private func join(_ number: UInt64, _ waiter: CheckedContinuation<Grant, any Error>) {
        let result: Result<Grant, any Error>? = state.withLock { state in
            // A task that is cancelled from here on finds the waiter, which is put down under this lock.
            guard !Task.isCancelled else {
                return .failure(PostgresError(.cancelled, "The work was cancelled before it began."))
            }
            switch state.queue.ask(number) {
            case .take(let connection): return .success(.connection(connection))
            case .open: return .success(.place)
            case .refuse: return .failure(exhaustedError)
            case .closed: return .failure(Self.closedError)
            case .wait:
                state.waiters[number] = waiter
                return nil
            }
        }
        if let result { waiter.resume(with: result) }
    }

    /// Takes one who waits out of the line; nothing where they were given a connection meanwhile.
    private func giveUp(_ number: UInt64, _ error: PostgresError) {
        let waiter = state.withLock { state in
            state.queue.leave(number) ? state.waiters.removeValue(forKey: number) : nil
        }
        waiter?.resume(throwing: error)
    }
}
