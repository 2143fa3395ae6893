public import Domain
import Postgres
import Schema

extension Batches {
    /// A batch; nil where the customer has none of that id.
    public func summary(_ batchID: String) throws -> BatchSummary? {
        // Counts come from the tasks: those of the batch's own row are written when it ends.
        let rows = try session.query(
            """
            SELECT j.request_id, j.status, j.total_count::bigint AS total_count, n.succeeded, n.failed,
                j.cost_per_video::bigint AS cost_per_video,
                b.cancel_requested_at IS NOT NULL AS is_cancelled,
                CASE WHEN b.batch_id IS NULL THEN j.settlement_status <> 'pending' ELSE b.settled_at IS NOT NULL END
                    AS is_settled,
                coalesce(b.frozen, j.frozen_credits) AS reserved, coalesce(b.spent, j.credits_spent) AS spent,
                coalesce(b.refunded, (
                    SELECT sum(l.credits_delta) FROM public.credit_ledger AS l
                    WHERE l.user_id = j.user_id AND l.ref_type = 'batch_refund' AND l.ref_id = j.id::text
                ), 0)::bigint AS refunded, j.created_at, coalesce(b.settled_at, j.completed_at) AS completed_at
            FROM public.batch_jobs AS j
            LEFT JOIN daybook.batch AS b ON b.user_id = j.user_id AND b.batch_id = j.id
            CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE t.status = 'succeeded') AS succeeded,
                    count(*) FILTER (WHERE t.status = 'failed') AS failed
                FROM public.video_tasks AS t WHERE t.user_id = j.user_id AND t.batch_job_id = j.id
            ) AS n
            WHERE j.user_id = $1 AND j.id = $2
            """, [.uuid(userID), .uuid(batchID)])
        guard let row = rows.first else { return nil }
        let isSettled = try row.bool("is_settled")
        return BatchSummary(
            batchID: batchID, requestID: try row.optionalText("request_id"),
            status: BatchStatus(
                publicStatus: try row.text("status"), isCancelled: try row.bool("is_cancelled"), isSettled: isSettled),
            totalCount: try row.int("total_count"), succeededCount: try row.int("succeeded"),
            failedCount: try row.int("failed"), costPerVideo: try row.int("cost_per_video"),
            creditsReserved: try row.int("reserved"), creditsSettled: isSettled ? try row.int("spent") : 0,
            creditsRefunded: try row.int("refunded"), createdAt: try row.instant("created_at"),
            completedAt: try row.optionalInstant("completed_at"))
    }

    /// Items of a batch in their order; of one status, or of all. Nil where the customer has no such batch.
    public func items(
        _ batchID: String, status: ItemView.Status?, limit: Int64, offset: Int64
    ) throws -> Page<ItemView>? {
        let known = try session.query(
            "SELECT FROM public.batch_jobs WHERE user_id = $1 AND id = $2", [.uuid(userID), .uuid(batchID)])
        guard !known.isEmpty else { return nil }
        let scope: [Value] = [.uuid(userID), .uuid(batchID), Value(status?.rawValue)]
        let total = try session.query("SELECT count(*) FROM (\(Self.itemSQL)) AS i", scope)[0].int(0)
        let rows = try session.query(
            """
            \(Self.itemSQL) ORDER BY batch_index, id LIMIT $4 OFFSET $5
            """, scope + [.int(limit), .int(offset)])
        return Page(elements: try rows.map(Self.item), total: total)
    }

    /// The state of the engine is finer and newer than the public row, which is written when a task begins and ends.
    private static let itemSQL = """
        SELECT * FROM (
            SELECT v.id, v.batch_index::bigint AS batch_index, v.prompt, v.item_metadata, v.video_url,
                coalesce(nullif(v.model, ''), daybook.default_model(v.user_id, v.created_at)) AS model,
                v.error_message, v.failure_type, v.failure_reason, t.state, v.created_at,
                CASE WHEN \(hasEnded) THEN coalesce(v.completed_at, v.updated_at) END AS completed_at,
                CASE
                    WHEN \(hasEnded) THEN v.status
                    WHEN t.state IN ('intent', 'unknown', 'accepted') OR v.status = 'processing' THEN 'running'
                    ELSE 'pending'
                END AS status
            FROM public.video_tasks AS v
            LEFT JOIN daybook.task AS t ON t.user_id = v.user_id AND t.task_id = v.id
            WHERE v.user_id = $1 AND v.batch_job_id = $2
        ) AS every
        WHERE $3::text IS NULL OR status = $3
        """
    private static let hasEnded = SharedSource.datedTask.expression("has_ended") { "v.\($1)" }

    private static func item(_ row: Row) throws -> ItemView {
        guard let status = ItemView.Status(rawValue: try row.text("status")) else {
            preconditionFailure("the query knows four words")
        }
        return ItemView(
            itemID: try row.uuid("id"), index: try row.optionalInt("batch_index") ?? 0, status: status,
            prompt: try row.text("prompt"), model: try row.text("model"),
            videoURL: try row.optionalText("video_url"),
            error: status == .failed ? try row.optionalText("error_message") : nil,
            failureType: status == .failed ? try failureType(row) : nil,
            reason: status == .failed ? try reason(row) : nil,
            metadata: try row.optionalText("item_metadata"), createdAt: try row.optionalInstant("created_at"),
            completedAt: try row.optionalInstant("completed_at"))
    }

    /// The published word; what a deployment wrote otherwise, or nothing, is `unknown`.
    private static func failureType(_ row: Row) throws -> ItemView.FailureType? {
        switch try row.optionalText("state") {
        case "cancelled": return nil
        case "timed_out": return .timeout
        default: return try row.optionalText("failure_type").flatMap(ItemView.FailureType.init) ?? .unknown
        }
    }

    private static func reason(_ row: Row) throws -> String? {
        let state = try row.optionalText("state")
        if let state, ["cancelled", "timed_out"].contains(state) { return state }
        if let reason = try row.optionalText("failure_reason"), !reason.isEmpty { return reason }
        let type = try row.optionalText("failure_type")
        return type.flatMap(ItemView.FailureType.init) == nil ? type : nil
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
}

/// Where a batch stands, in the words of the Batch API.
public enum BatchStatus: String, Sendable, Hashable, CaseIterable {
    case pending, running, succeeded, partial, failed, cancelled

    /// The status from the word of the public `status` column and from what the engine knows beyond it.
    ///
    /// A batch that was cancelled runs until nothing that the provider has is open.
    public init(publicStatus: String, isCancelled: Bool, isSettled: Bool) {
        switch publicStatus {
        case _ where isCancelled: self = isSettled ? .cancelled : .running
        case "queued": self = .pending
        case "completed": self = .succeeded
        case "partial": self = .partial
        case "failed": self = .failed
        default: self = .running
        }
    }
}

/// An item of a batch as its customer sees it.
public struct ItemView: Sendable, Hashable {
    /// Where an item stands, in the words of the Batch API. What was cancelled or ran out of time has failed.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case pending, running, succeeded, failed
    }

    /// Why an item failed, in the words of the Batch API; clients decode no other.
    public enum FailureType: String, Sendable, Hashable, CaseIterable {
        case modelError = "model_error"
        case paramError = "param_error"
        case timeout, network, unknown
    }

    public let itemID: String
    /// The item's place in the request, from 0.
    public let index: Int64
    public let status: Status
    public let prompt: String
    public let model: String
    public let videoURL: String?
    public let error: String?
    /// Nil for an item that was cancelled, and for one that has not failed.
    public let failureType: FailureType?
    /// Why an item failed, in finer words: `cancelled`, `timed_out`, or the provider's reason.
    public let reason: String?
    /// An object as compact JSON.
    public let metadata: String?
    public let createdAt: Instant?
    public let completedAt: Instant?
}

/// A part of a list, and how long the whole list is.
public struct Page<Element: Sendable>: Sendable {
    public let elements: [Element]
    /// Elements of the whole list, as filtered.
    public let total: Int64

    public init(elements: [Element], total: Int64) {
        self.elements = elements
        self.total = total
    }
}
