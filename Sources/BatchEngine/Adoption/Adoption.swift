import Domain
public import Postgres
import Schema

/// Taking over batches that the application made: each in a transaction of its own, under the locks of whoever else
/// works on it, so that it is the engine's as a whole or stays the application's.
///
/// The functions are those of migration 46.
public struct Adoption: Sendable {
    /// Which batches are looked at.
    public enum Scope: Sendable, Hashable {
        case batch(String)
        /// Every batch of the application that has not ended.
        case all
    }

    /// How long the application must not have written to a batch of which it handed something over. Its dispatcher
    /// writes before and after each call to the provider, of which one with all its attempts takes four minutes.
    public static let standardQuietSeconds: Int64 = 600

    private static let options = TransactionOptions(
        lockTimeoutMilliseconds: 5000, idleTimeoutMilliseconds: Limits.idleInTransactionMilliseconds)
    /// Times that a transaction is tried again which lost a deadlock.
    private static let mostTries = 10

    private let scope: Scope
    private let quietSeconds: Int64
    private let isTrial: Bool

    /// - Parameter isTrial: True does everything and takes it back, a customer at a time.
    public init(_ scope: Scope, quietSeconds: Int64 = standardQuietSeconds, isTrial: Bool = false) {
        self.scope = scope
        self.quietSeconds = quietSeconds
        self.isTrial = isTrial
    }

    /// Takes over what can be, and says of the rest why not.
    ///
    /// Throws ``EngineFault`` `noEngine` and `missingRight`, `badData` where the one batch is not there, and
    /// ``StoppedRun`` where it ended after it took over some.
    public func run(_ connection: Connection) async throws -> AdoptionReport {
        let candidates = try await connection.transaction(.snapshot) { session in
            try EngineSchema.require(session)
            try EngineSchema.requireRights(session)
            return try listed(session)
        }
        var report = AdoptionReport(isTrial: isTrial)
        do {
            for group in candidates.chunked {
                if isTrial {
                    try await tryOut(group, connection, &report)
                } else {
                    try await take(group, connection, &report)
                }
            }
        } catch  where report.taken.isEmpty == false && !isTrial {
            let isInterruption = error is CancellationError || (error as? PostgresError)?.code == .cancelled
            throw StoppedRun(
                isInterruption && Task.isCancelled ? .interruption : .failure(error),
                standing: "\(report.taken.count) batches were taken over before that, and are the engine's; the same "
                    + "run again goes on with the others.")
        }
        return report
    }

    private struct Candidate: Sendable {
        let batchID: String
        let userID: String
        let account: String?
    }

    private func listed(_ session: Session) throws -> Groups {
        try session.executeScript("SET LOCAL row_security = off")
        var only = Value.null
        if case .batch(let batchID) = scope { only = .uuid(batchID) }
        let rows = try session.query(
            """
            SELECT j.id, j.user_id, a.slug FROM public.batch_jobs AS j
            LEFT JOIN daybook.batch AS b ON b.user_id = j.user_id AND b.batch_id = j.id
            LEFT JOIN daybook.account AS a ON a.user_id = j.user_id
            WHERE CASE WHEN $1::uuid IS NULL
                THEN j.status IN ('queued', 'processing') AND b.owner IS DISTINCT FROM 'engine' ELSE j.id = $1 END
            ORDER BY j.user_id, j.created_at, j.id
            """, [only])
        if case .batch(let batchID) = scope, rows.isEmpty {
            throw DaybookError.badData("There is no batch \(batchID) in this database.")
        }
        return Groups(
            try rows.map { row in
                Candidate(
                    batchID: try row.uuid("id"), userID: try row.uuid("user_id"),
                    account: try row.optionalText("slug"))
            })
    }

    /// The candidates by customer, in their order.
    private struct Groups: Sendable {
        let chunked: [[Candidate]]

        init(_ candidates: [Candidate]) {
            var chunks: [[Candidate]] = []
            for candidate in candidates {
                if chunks.last?.first?.userID == candidate.userID {
                    chunks[chunks.count - 1].append(candidate)
                } else {
                    chunks.append([candidate])
                }
            }
            chunked = chunks
        }
    }

    private func take(_ group: [Candidate], _ connection: Connection, _ report: inout AdoptionReport) async throws {
        var isExplained = false
        for candidate in group {
            try Task.checkCancellation()
            let wasExplained = isExplained
            do {
                let (batch, unattributed, _) = try await repeatedly(connection, Self.options) { session in
                    let result = try take(candidate, isExplained: wasExplained, session)
                    try announce(Set(result.readyModels), of: candidate.userID, session)
                    return result
                }
                if batch.isTaken { isExplained = true }
                report.add(batch, unattributed)
            } catch let error as PostgresError where error.code == .lockNotAvailable {
                report.add(
                    AdoptedBatch(
                        batchID: candidate.batchID, userID: candidate.userID, account: candidate.account,
                        reason: "busy", detail: "another transaction holds it"), nil)
            }
        }
    }

    /// All of a customer's in one transaction, so that each finds what those before it leave, and then undone. All
    /// batches are held before the first wallet, and the customer's turn is touched after the last: who works beside
    /// it waits, and not in a circle.
    private func tryOut(_ group: [Candidate], _ connection: Connection, _ report: inout AdoptionReport) async throws {
        var options = Self.options
        options.isUndone = true
        let results = try await repeatedly(connection, options) { session in
            try hold(group, session)
            var isExplained = false
            let results = try group.map { candidate in
                let result = try take(candidate, isExplained: isExplained, session)
                if result.batch.isTaken { isExplained = true }
                return result
            }
            if let customer = group.first?.userID {
                try announce(Set(results.flatMap(\.readyModels)), of: customer, session)
            }
            return results
        }
        for result in results { report.add(result.batch, result.unattributed) }
    }

    /// Holds the batches of a customer: all records, then all rows of them, then all rows of their tasks. Of a batch
    /// that became the engine's meanwhile only the record: workers hold its tasks before it.
    private func hold(_ group: [Candidate], _ session: Session) throws {
        guard let customer = group.first.map({ Value.uuid($0.userID) }) else { return }
        let held = try engine {
            try session.query(
                """
                SELECT k.id FROM (SELECT unnest($2::uuid[]) AS id ORDER BY 1) AS k
                CROSS JOIN LATERAL daybook.hold_batch(k.id, $1) AS h
                WHERE h.owner <> 'engine'
                """, [customer, .texts(group.map(\.batchID))])
        }
        let batches = Value.texts(try held.map { try $0.uuid("id") })
        for (table, key) in [("public.batch_jobs", "id"), ("public.video_tasks", "batch_job_id")] {
            _ = try session.query(
                """
                SELECT count(*) FROM (
                    SELECT FROM \(table) WHERE user_id = $1 AND \(key) = ANY ($2::uuid[]) ORDER BY id FOR UPDATE
                ) AS held
                """, [customer, batches])
        }
    }

    /// One batch, in a transaction of the caller's. With the first that is taken over of a customer what the ledger
    /// does not explain is booked, after the batch and before the customer's turn is touched, by the caller: everybody
    /// takes their locks in that order. Gives the models of which there is ready work now, too.
    private func take(
        _ candidate: Candidate, isExplained: Bool, _ session: Session
    ) throws -> (batch: AdoptedBatch, unattributed: Unattributed?, readyModels: [String]) {
        let row = try engine {
            try session.query(
                """
                SELECT outcome, was, reason, detail, ready, accepted, unknown, succeeded, failed, frozen, frozen_now,
                    refunded, coalesce(ready_models, '{}') AS ready_models
                FROM daybook.take_over($1, $2, $3)
                """, [.uuid(candidate.userID), .uuid(candidate.batchID), .int(quietSeconds)])[0]
        }
        let batch = try AdoptedBatch(row, candidate.batchID, candidate.userID, candidate.account)
        guard batch.isTaken else { return (batch, nil, []) }
        let unattributed =
            isExplained ? nil : try Unattributed.book(of: candidate.userID, candidate.account, session)
        return (batch, unattributed, try row.texts("ready_models"))
    }

    /// Says in a customer's turns that there is ready work of the models, last of all locks.
    private func announce(_ models: Set<String>, of customer: String, _ session: Session) throws {
        guard !models.isEmpty else { return }
        _ = try session.query(
            "SELECT daybook.announce_ready($1, $2)::text, pg_notify($3, '')::text",
            [.uuid(customer), .texts(models.sorted()), .text(WorkQueue.readyChannel)])
    }

    private func repeatedly<Result: Sendable>(
        _ connection: Connection, _ options: TransactionOptions, _ body: @Sendable (Session) throws -> Result
    ) async throws -> Result {
        var tries = 0
        while true {
            do {
                return try await connection.transaction(options, body)
            } catch let error as PostgresError where error.isWorthRepeating && tries < Self.mostTries {
                tries += 1
                try await Task.sleep(for: .milliseconds(20 * tries))
            }
        }
    }

    private func engine<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as PostgresError {
            throw EngineFault(error) ?? error
        }
    }
}
