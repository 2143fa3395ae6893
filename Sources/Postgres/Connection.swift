internal import Dispatch

/// One connection to a server, with a thread of its own to wait on.
///
/// Work is handed to it as a synchronous body, which gets the ``Session``:
/// nothing can suspend inside, so a transaction never stands open across other
/// work. Only values cross; the session never leaves the body. Bodies run one
/// after another.
///
/// Cancelling the task that waits for a body cancels what its session runs on
/// the server; statements after it are refused, and both throw
/// ``PostgresError`` with code ``PostgresError/Code/cancelled``.
public final actor Connection {
    private nonisolated let executor = ConnectionExecutor()
    nonisolated let canceller = Canceller()
    /// How it was made, for another one of the same kind.
    nonisolated let settings: ConnectionSettings
    /// The server's process, also after the connection is lost; nil before it is opened.
    private(set) var serverProcess: Int?
    /// Nil before it is opened and after it is closed.
    private var session: Session?

    /// The connection's own executor.
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    private init(_ settings: ConnectionSettings) {
        self.settings = settings
    }

    /// Connects to a server.
    ///
    /// Throws ``PostgresError``: ``PostgresError/Code/invalidSettings``,
    /// ``PostgresError/Code/connectionFailed``, ``PostgresError/Code/authenticationFailed``,
    /// ``PostgresError/Code/databaseMissing``, ``PostgresError/Code/tooManyConnections``,
    /// ``PostgresError/Code/tlsFailed``, ``PostgresError/Code/cancelled``.
    public static func open(_ settings: ConnectionSettings) async throws -> Connection {
        try await open(settings, patienceSeconds: nil)
    }

    /// Connects to a server, which answers for the first time within so many seconds: a pooler may take a connection
    /// and have no session for it.
    static func open(_ settings: ConnectionSettings, patienceSeconds: Int?) async throws -> Connection {
        let connection = Connection(settings)
        try await connection.connect(patienceSeconds)
        return connection
    }

    private func connect(_ patienceSeconds: Int?) async throws {
        let run = canceller.begin()
        defer { canceller.end() }
        try await withTaskCancellationHandler {
            try self.connectBlocking(patienceSeconds)
        } onCancel: {
            canceller.cancel(run: run)
        }
    }

    private func connectBlocking(_ patienceSeconds: Int?) throws {
        // Waiting on a thread of Swift's own pool would stall every other task.
        preconditionIsolated()
        session = try Session(settings, canceller: canceller, patienceSeconds: patienceSeconds)
        serverProcess = session?.serverProcessID
    }

    /// Runs a body on the connection and returns its result.
    ///
    /// Throws what the body throws; ``PostgresError`` with code
    /// ``PostgresError/Code/closed`` after ``close()``.
    @discardableResult
    public func run<Result: Sendable>(_ body: @Sendable (Session) throws -> Result) async throws -> Result {
        guard !Task.isCancelled else { throw PostgresError(.cancelled, "The work was cancelled before it began.") }
        let run = canceller.begin()
        defer { canceller.end() }
        return try await withTaskCancellationHandler {
            try self.runBlocking(body)
        } onCancel: {
            canceller.cancel(run: run)
        }
    }

    /// The part that blocks.
    ///
    /// A method of the actor and not a closure: a closure that does not use the
    /// actor would run on Swift's own threads.
    private func runBlocking<Result>(_ body: (Session) throws -> Result) throws -> Result {
        preconditionIsolated()
        guard let session else { throw PostgresError(.closed, "The connection was closed before.") }
        return try body(session)
    }

    /// Runs a body in a transaction: committed when it returns, rolled back when it throws.
    ///
    /// Throws as ``Session/transaction(_:_:)`` does.
    @discardableResult
    public func transaction<Result: Sendable>(
        _ options: TransactionOptions = TransactionOptions(),
        _ body: @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await run { session in
            try session.transaction(options) { try body(session) }
        }
    }

    /// Asks the server to cancel the statement that runs now, if one does, and returns at once.
    public nonisolated func cancel() {
        canceller.cancelCurrent()
    }

    /// True where a pooler stands between this program and the server.
    public var isPooled: Bool { session?.isPooled ?? false }

    /// How far a standby had replayed before the latest transaction that notes it; nil where the server is none.
    public var replay: Session.Replay? { session?.replay }

    /// False once it is closed or lost, where a transaction was left open, and where the server takes no changes: a new
    /// connection finds the server that does, or finds out that this one does again.
    var isWorthKeeping: Bool { session.map { $0.isAlive && !$0.isInTransaction && !$0.takesNoChanges } ?? false }

    /// Closes the connection after the body that runs; closing twice is nothing.
    public func close() {
        session?.close()
        session = nil
    }
}

/// A serial executor of one connection's own, so that calls that block wait
/// on a thread of Dispatch's and never on one of Swift's cooperative pool.
///
/// Dispatch starts further threads while others block (up to 255), so
/// connections do not wait for each other.
final class ConnectionExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "daybook.postgres.connection")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
