public import Domain
import Postgres
import Schema

extension Batches {
    /// A batch; nil where the customer has none of that id.
    public func summary(_ batchID: String) throws -> BatchSummary? {
        try session.query(
            Self.countedSQL("SELECT * FROM (\(Self.batchSQL) AND j.id = $2) AS one"), [.uuid(userID), .uuid(batchID)]
        ).first.map(Self.summary)
    }

    /// Batches, the newest first: of one request_id, of one status, or all.
    public func list(
        requestID: String?, status: BatchStatus?, limit: Int64, after cursor: BatchCursor?
    ) throws -> Listing<BatchSummary, BatchCursor> {
        let place = cursor == nil ? "" : "AND (j.created_at, j.id) < ($5, $6)"
        let rows = try session.query(
            Self.countedSQL(
                """
                SELECT * FROM (
                    \(Self.batchSQL) AND j.created_at > '-infinity' AND ($2::text IS NULL OR j.request_id = $2) \(place)
                ) AS known
                WHERE $3::text IS NULL OR wire_status = $3 ORDER BY created_at DESC, batch_id DESC LIMIT $4
                """) + " ORDER BY k.created_at DESC, k.batch_id DESC",
            [.uuid(userID), Value(requestID), Value(status?.rawValue), .int(limit + 1)]
                + (cursor.map { [.instant($0.createdAt), .uuid($0.batchID)] } ?? []))
        return Listing(try rows.map(Self.summary), limit: limit) {
            BatchCursor(createdAt: $0.createdAt, batchID: $0.batchID)
        }
    }

    /// The customer's batches. The published word comes from that of the application's column, and from what the engine
    /// knows beyond it: a batch that was cancelled runs until nothing that the provider has is open.
    private static let batchSQL = """
        SELECT j.id AS batch_id, j.user_id, j.request_id, j.total_count::bigint AS total_count,
            j.cost_per_video::bigint AS cost_per_video, coalesce(b.owner = 'engine', false) AS is_ours, s.is_settled,
            CASE
                WHEN b.cancel_requested_at IS NOT NULL THEN CASE WHEN s.is_settled THEN 'cancelled' ELSE 'running' END
                WHEN j.status = 'queued' THEN 'pending'
                WHEN j.status = 'completed' THEN 'succeeded'
                WHEN j.status IN ('partial', 'failed') THEN j.status
                ELSE 'running'
            END AS wire_status,
            coalesce(b.frozen, j.frozen_credits) AS reserved, coalesce(b.spent, j.credits_spent) AS spent,
            coalesce(b.refunded, (
                SELECT sum(l.credits_delta) FROM public.credit_ledger AS l
                WHERE l.user_id = j.user_id AND l.ref_type = 'batch_refund' AND l.ref_id = j.id::text
            ), 0)::bigint AS refunded, j.created_at, coalesce(b.settled_at, j.completed_at) AS completed_at,
            j.success_count::bigint AS success_count, j.failed_count::bigint AS failed_count
        FROM public.batch_jobs AS j
        LEFT JOIN daybook.batch AS b ON b.user_id = j.user_id AND b.batch_id = j.id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN b.batch_id IS NULL THEN j.settlement_status <> 'pending' ELSE b.settled_at IS NOT NULL END
                AS is_settled
        ) AS s
        WHERE j.user_id = $1
        """

    /// Batches with the counts of their items: from the engine's tasks as long as a batch runs, from its own row once
    /// that has them; of a batch that the application runs, from what that wrote.
    private static func countedSQL(_ batches: String) -> String {
        """
        SELECT k.*, CASE WHEN k.is_ours AND k.is_settled THEN k.success_count ELSE e.succeeded + a.succeeded END
                AS succeeded,
            CASE WHEN k.is_ours AND k.is_settled THEN k.failed_count ELSE e.failed + a.failed END AS failed,
            e.running + a.running AS running, e.unknown AS unknown
        FROM (\(batches)) AS k
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE t.state IN ('intent', 'accepted')) AS running,
                count(*) FILTER (WHERE t.state = 'unknown') AS unknown,
                count(*) FILTER (WHERE t.state = 'succeeded') AS succeeded,
                count(*) FILTER (WHERE t.state IN ('failed', 'timed_out', 'cancelled')) AS failed
            FROM daybook.task AS t
            WHERE k.is_ours AND NOT k.is_settled AND t.user_id = k.user_id AND t.batch_id = k.batch_id
                AND t.batch_index >= 0
        ) AS e
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE v.status = 'processing') AS running,
                count(*) FILTER (WHERE v.status = 'succeeded') AS succeeded,
                count(*) FILTER (WHERE v.status = 'failed') AS failed
            FROM public.video_tasks AS v
            WHERE NOT k.is_ours AND v.user_id = k.user_id AND v.batch_job_id = k.batch_id
        ) AS a
        """
    }

    private static func summary(_ row: Row) throws -> BatchSummary {
        guard let status = BatchStatus(rawValue: try row.text("wire_status")) else {
            preconditionFailure("the query knows the words")
        }
        let (total, succeeded, failed) = (
            try row.int("total_count"), try row.int("succeeded"), try row.int("failed")
        )
        let (running, unknown) = (try row.int("running"), try row.int("unknown"))
        return BatchSummary(
            batchID: try row.uuid("batch_id"), requestID: try row.optionalText("request_id"), status: status,
            totalCount: total, succeededCount: succeeded, failedCount: failed, runningCount: running,
            unknownCount: unknown, costPerVideo: try row.int("cost_per_video"),
            creditsReserved: try row.int("reserved"),
            creditsSettled: try row.bool("is_settled") ? try row.int("spent") : 0,
            creditsRefunded: try row.int("refunded"), createdAt: try row.instant("created_at"),
            completedAt: try row.optionalInstant("completed_at"))
    }
}

/// A batch as its customer sees it.
public struct BatchSummary: Sendable, Hashable {
    public let batchID: String
    public let requestID: String?
    public let status: BatchStatus
    public let totalCount: Int64
    public let succeededCount: Int64
    public let failedCount: Int64
    /// Items that the provider has, or is being asked to take.
    public let runningCount: Int64
    /// Items of which nobody knows whether the provider took them. They end at their deadline at the latest.
    public let unknownCount: Int64
    /// Credits of the dearest item.
    public let costPerVideo: Int64
    /// Credits frozen for the batch. Reserved is settled and refunded together, once it has ended.
    public let creditsReserved: Int64
    /// Credits spent, 0 until the batch has ended.
    public let creditsSettled: Int64
    /// Credits given back so far.
    public let creditsRefunded: Int64
    public let createdAt: Instant
    public let completedAt: Instant?

    /// Items of which nothing was handed over: the rest.
    public var pendingCount: Int64 { max(totalCount - succeededCount - failedCount - runningCount - unknownCount, 0) }
}

/// Where a batch stands, in the words of the Batch API.
public enum BatchStatus: String, Sendable, Hashable, CaseIterable {
    case pending, running, succeeded, partial, failed, cancelled

    /// True once nothing of the batch changes any more.
    public var isOver: Bool { self != .pending && self != .running }
}

/// Where a page of batches ended.
public struct BatchCursor: Sendable, Hashable {
    public let createdAt: Instant
    public let batchID: String

    public init(createdAt: Instant, batchID: String) {
        self.createdAt = createdAt
        self.batchID = batchID
    }
}

/// A part of a list that is walked by where the part before it ended: what is added meanwhile moves nothing.
public struct Listing<Element: Sendable, Cursor: Sendable>: Sendable {
    public let elements: [Element]
    /// Where to go on; nil at the end.
    public let next: Cursor?

    /// - Parameters:
    ///   - found: One element more than the limit, where there are so many.
    ///   - cursor: Where a page ends with this element.
    init(_ found: [Element], limit: Int64, cursor: (Element) -> Cursor) {
        elements = Array(found.prefix(Int(limit)))
        next = found.count > elements.count ? elements.last.map(cursor) : nil
    }
}
