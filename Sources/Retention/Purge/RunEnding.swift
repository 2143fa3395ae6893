internal import Domain
internal import Postgres
internal import Synchronization

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
        return StoppedRun(cause, found.standing(isCertain: isAnswered))
    }

    /// True where the work's own task was cancelled; somebody who cancels its statement on the server is a failure.
    static func isInterruption(_ error: any Error) -> Bool {
        if error is CancellationError { return true }
        guard let error = error as? PostgresError, error.code == .cancelled else { return false }
        return Task.isCancelled
    }
}

/// What a purge has done so far: as the database has it, or as its own program knows it.
struct RunTally: Sendable, Hashable {
    let run: Int64
    /// Rows by class, those of months that were dropped whole among them.
    var rows: [String: Int64] = [:]
    /// The months that were dropped whole.
    var dropped: [String] = []
    /// Those that are detached and not dropped.
    var detached: [String] = []
    /// The number of its certificate, once it has one.
    var certificate: Int64?

    init(run: Int64) {
        self.run = run
    }

    /// What is committed of a run; nil where the run itself is not.
    init?(run: Int64, _ session: Session) throws {
        self.run = run
        let found = try session.query(
            """
            SELECT (SELECT max(c.sequence) FROM daybook.retention_certificate AS c
                WHERE c.run_id = r.run_id AND c.kind IN ('purge', 'erasure')) AS certificate,
                array(SELECT s.relation FROM daybook.purge_sweep AS s
                    WHERE s.run_id = r.run_id AND s.state = 'dropped' ORDER BY s.relation COLLATE "C") AS dropped,
                array(SELECT s.relation FROM daybook.purge_sweep AS s
                    WHERE s.run_id = r.run_id AND s.state = 'detached' ORDER BY s.relation COLLATE "C") AS detached
            FROM daybook.purge_run AS r WHERE r.run_id = $1
            """, [.int(run)])
        guard let row = found.first else { return nil }
        certificate = try row.optionalInt("certificate")
        dropped = try row.texts("dropped")
        detached = try row.texts("detached")
        let totals = try session.query(
            """
            SELECT data_class, sum(row_count)::bigint AS taken FROM daybook.purge_total WHERE run_id = $1 GROUP BY 1
            """, [.int(run)])
        for total in totals { rows[try total.text("data_class")] = try total.int("taken") }
    }

    var taken: Int64 { rows.values.reduce(0, +) }

    /// `7000 rows (access_log 6000, task_content 1000) and dropped 1 month whole (public.…_2026_01)`.
    private var amount: String {
        let classes = rows.filter { $0.value > 0 }.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        var text = "\(taken) row\(taken == 1 ? "" : "s")"
        if !classes.isEmpty { text += " (\(classes.joined(separator: ", ")))" }
        guard !dropped.isEmpty else { return text }
        let months = "\(dropped.count) month\(dropped.count == 1 ? "" : "s")"
        return text + " and dropped \(months) whole (\(dropped.joined(separator: ", ")))"
    }

    /// What stands of the run, and how to go on.
    ///
    /// - Parameter isCertain: False where nobody could ask the database: the last transaction may be committed or not.
    func standing(isCertain: Bool) -> Remark {
        if let certificate {
            return Remark(
                "Purge \(run) has taken \(amount); certificate \(certificate) certifies it, and what is missing in its "
                    + "folder is written by: ", .take(.resumePurge))
        }
        return Remark("\(unfinished(isCertain: isCertain))continue it with: ", .take(.resumePurge))
    }

    private func unfinished(isCertain: Bool) -> String {
        guard isCertain else {
            return
                "By what its program saw committed, purge \(run) has taken \(amount), and nothing certifies that yet. "
                + "The database could not be asked what of it stands: a transaction under way may be committed or "
                + "not, and a crash of the server undoes the last moments before it. Whatever became of it, "
        }
        let left = detached.isEmpty ? "" : "; \(detached.joined(separator: ", ")) is detached and not dropped yet"
        guard taken > 0 || !dropped.isEmpty else {
            return "Purge \(run) was begun and has taken no row yet\(left); "
        }
        return "Purge \(run) has taken \(amount)\(left); nothing certifies that yet: "
    }
}

/// What a purge knows of what it has committed, added to where each deleting transaction commits.
///
/// The database is what counts and is asked in the end; this is for the end at which nobody answers.
final class RunJournal: Sendable {
    private let tally = Mutex<RunTally?>(nil)

    /// Nil before a run has a number.
    var known: RunTally? { tally.withLock { $0 } }

    /// A run has its number, and may be committed from now on.
    func begin(_ run: Int64) { tally.withLock { $0 = RunTally(run: run) } }

    /// What the database has of it.
    func set(_ read: RunTally?) {
        guard let read else { return }
        tally.withLock { $0 = read }
    }

    /// A transaction that took so many rows was committed.
    func add(_ rows: Int64, of dataClass: DataClass) {
        tally.withLock { $0?.rows[dataClass.rawValue, default: 0] += rows }
    }

    /// The run was certified.
    func certify(_ sequence: Int64) { tally.withLock { $0?.certificate = sequence } }
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
