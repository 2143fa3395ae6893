internal import Domain
internal import Postgres

/// How a purge ended before its end: one sentence for every way, which says why, what is gone, whether that is
/// certified, and how to go on.
enum RunEnding {
    /// The error that whoever ran the purge is told instead of `error`.
    static func of(_ error: any Error, _ journal: RunJournal, _ connection: DirectConnection) async -> any Error {
        let isInterruption = Self.isInterruption(error)
        guard let known = journal.known else {
            return isInterruption ? StoppedRun(.interruption, standing: "Nothing was purged.") : error
        }
        let isAnswered: Bool
        let found: RunTally?
        do {
            found = try await Aftermath.ask(connection) { try RunTally(run: known.run, $0) }
            isAnswered = true
        } catch {
            (found, isAnswered) = (known, false)
        }
        let cause: StoppedRun.Cause =
            isInterruption ? .interruption : .failure(isAnswered ? Aftermath.settled(error) : error)
        guard let found else {
            // Its own sentence says that nothing was purged, unless nobody knew.
            return isInterruption || Aftermath.isInDoubt(error)
                ? StoppedRun(cause, standing: "Nothing was purged.") : error
        }
        return StoppedRun(cause, standing: found.standing(isCertain: isAnswered))
    }

    /// True where the work's own task was cancelled; somebody who cancels its statement on the server is a failure.
    static func isInterruption(_ error: any Error) -> Bool {
        if error is CancellationError { return true }
        guard let error = error as? PostgresError, error.code == .cancelled else { return false }
        return Task.isCancelled
    }
}

/// What became of transactions whose program does not know.
enum Aftermath {
    /// Asks the database, by another connection where this one is lost. Throws where nobody answers.
    static func ask<Result: Sendable>(
        _ connection: DirectConnection, _ body: @escaping @Sendable (Session) throws -> Result
    ) async throws -> Result {
        try await connection.afterwards(
            withinSeconds: Limits.aftermathSeconds, unreachableSeconds: Limits.aftermathUnreachableSeconds, body)
    }

    /// True where the connection was lost in the middle of a COMMIT.
    static func isInDoubt(_ error: any Error) -> Bool { (error as? PostgresError)?.code == .commitUnknown }

    /// The error in words that leave nothing in doubt, for one that the database has answered.
    static func settled(_ error: any Error) -> any Error {
        guard isInDoubt(error) else { return error }
        return DaybookError(
            .databaseUnavailable,
            "The connection was lost while a transaction was being committed, and the database was asked about it.",
            debugText: String(reflecting: error))
    }
}
