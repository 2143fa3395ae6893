internal import Digests
internal import Domain
internal import Postgres
internal import Synchronization

/// A transaction that ends in a certificate: whoever interrupts it, or loses the connection, is told whether it was
/// done.
struct CertifiedDeed: Sendable {
    let connection: DirectConnection
    /// What it is when it is done, without a full stop: `The rows of purge 1 were put back`.
    let done: String
    /// What is said where it was not, as a whole sentence: `Nothing was put back.`
    let undone: String

    /// The certificate of a transaction that may be committed or not.
    private final class Draft: Sendable {
        private let issued = Mutex<Certifying.Issued?>(nil)
        var value: Certifying.Issued? { issued.withLock { $0 } }
        func set(_ value: Certifying.Issued?) { issued.withLock { $0 = value } }
    }

    /// Runs the body, which gives its certificate, too; nil where nothing was to be certified.
    ///
    /// - Parameter isShielded: True lets an interruption wait for its end.
    func commit<Result: Sendable>(
        _ options: TransactionOptions = TransactionOptions(), isShielded: Bool = false,
        _ body: @escaping @Sendable (Session) throws -> (Result, Certifying.Issued?)
    ) async throws -> (result: Result, issued: Certifying.Issued?) {
        let draft = Draft()
        let drafting: @Sendable (Session) throws -> (Result, Certifying.Issued?) = { session in
            let given = try body(session)
            draft.set(given.1)
            return given
        }
        do {
            let (result, issued) =
                isShielded
                ? try await Uninterrupted.transaction(connection, options, drafting)
                : try await connection.transaction(options, drafting)
            return (result, issued)
        } catch {
            throw await ending(error, draft.value)
        }
    }

    private func ending(_ error: any Error, _ issued: Certifying.Issued?) async -> any Error {
        if RunEnding.isInterruption(error) { return StoppedRun(.interruption, standing: undone) }
        guard error is PostgresError else { return error }
        guard Aftermath.isInDoubt(error) else { return StoppedRun(.failure(error), standing: undone) }
        guard let issued else { return StoppedRun(.failure(error), standing: "\(done), or not.") }
        do {
            let isDone = try await Aftermath.ask(connection) { session in
                try session.query(
                    "SELECT EXISTS (SELECT FROM daybook.retention_certificate WHERE sha256 = $1) AS is_done",
                    [.text(issued.sha256)])[0].bool("is_done")
            }
            return StoppedRun(.failure(Aftermath.settled(error)), standing: isDone ? standing(issued) : undone)
        } catch {
            return StoppedRun(
                .failure(error),
                standing: "\(done), or not: if so, `daybook retention verify` counts certificate \(issued.sequence).")
        }
    }

    private func standing(_ issued: Certifying.Issued?) -> String {
        guard let issued else { return done + "." }
        return "\(done); certificate \(issued.sequence) certifies it, and what is missing in its folder is written by: "
            + "daybook retention purge --resume"
    }

    /// Runs what follows the transaction, which stands by now, to its end, whoever interrupts it.
    ///
    /// Throws ``StoppedRun``; and `output` as it is, whose sentence says that the deed is done.
    func after<Result: Sendable>(
        _ issued: Certifying.Issued?, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        do {
            return try await Uninterrupted.run(connection, body)
        } catch let error as DaybookError where error.kind == .output {
            throw error
        } catch {
            throw StoppedRun(.failure(error), standing: standing(issued))
        }
    }
}

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
