public import Domain
import Postgres
import Schema

extension Batches {
    /// Items of a batch in their order; of one status, or of all. Nil where the customer has no such batch.
    ///
    /// - Parameter place: Where the page begins.
    public func items(
        _ batchID: String, status: ItemView.Status?, limit: Int64, from place: ItemPlace
    ) throws -> Page<ItemView, ItemCursor>? {
        guard try isKnown(batchID) else { return nil }
        let scope: [Value] = [.uuid(userID), .uuid(batchID), Value(status?.rawValue)]
        let ofStatus = "FROM (\(Self.itemSQL)) AS i WHERE ($3::text IS NULL OR status = $3)"
        let total = try session.query("SELECT count(*) \(ofStatus)", scope)[0].int(0)
        let order = "ORDER BY \(Self.index), id LIMIT $4"
        let rows =
            switch place {
            case .offset(let offset):
                try session.query("SELECT * \(ofStatus) \(order) OFFSET $5", scope + [.int(limit + 1), .int(offset)])
            case .after(let cursor):
                try session.query(
                    "SELECT * \(ofStatus) AND (\(Self.index), id) > ($5, $6) \(order)",
                    scope + [.int(limit + 1), .int(cursor.index), .uuid(cursor.itemID)])
            }
        let found = try rows.map { (view: try Self.item($0), index: try $0.optionalInt("batch_index") ?? .max) }
        let listing = Listing(found, limit: limit) { ItemCursor(index: $0.index, itemID: $0.view.itemID) }
        return Page(elements: listing.elements.map(\.view), total: total, next: listing.next)
    }

    /// Items that have ended and that a cursor does not remember, in the batch's order, and the cursor that remembers
    /// them too. So each is given once, whenever and in whichever order they end. Nil where the customer has no such
    /// batch.
    ///
    /// Run it in a transaction with one snapshot.
    public func results(_ batchID: String, limit: Int64, after cursor: ResultCursor) throws -> Results? {
        guard let batch = try summary(batchID) else { return nil }
        let rows = try session.query(
            """
            SELECT * FROM (
                SELECT i.*, row_number() OVER (ORDER BY \(Self.index), id) - 1 AS place FROM (\(Self.itemSQL)) AS i
            ) AS placed
            WHERE status NOT IN ('pending', 'running') AND place >= $3 * 8
                AND NOT CASE WHEN place - $3 * 8 < octet_length($4) * 8 THEN get_bit($4, place - $3 * 8) = 1
                    ELSE false END
            ORDER BY place LIMIT $5
            """,
            [
                .uuid(userID), .uuid(batchID), Value(cursor.fullBytes), .bytes(cursor.rest), .int(limit + 1),
            ])
        let given = rows.prefix(Int(limit))
        var next = cursor
        for row in given { next.insert(Int(try row.int("place"))) }
        return Results(
            items: try given.map(Self.item), next: next,
            isComplete: batch.status.isOver && given.count == rows.count)
    }

    /// What became of the batch and of its credit. Run it in a transaction with one snapshot.
    public func receipt(_ batchID: String) throws -> ReceiptOutcome {
        if let receipt = try EngineReceipt(session).receipt(of: batchID, for: userID) { return .receipt(receipt) }
        return try isKnown(batchID) ? .notOurs : .notFound
    }

    private func isKnown(_ batchID: String) throws -> Bool {
        try !session.query(
            "SELECT FROM public.batch_jobs WHERE user_id = $1 AND id = $2", [.uuid(userID), .uuid(batchID)]
        ).isEmpty
    }

    /// An application may have left the index out: such items come last.
    private static let index = "coalesce(batch_index, 9223372036854775807)"

    /// The state of the engine is finer and newer than the public row, which is written when a task begins and ends.
    private static let itemSQL = """
        SELECT v.id, v.batch_index::bigint AS batch_index, v.prompt, v.item_metadata, v.item_custom_id, v.video_url,
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
        """
    private static let hasEnded = SharedSource.datedTask.expression("has_ended") { "v.\($1)" }

    private static func item(_ row: Row) throws -> ItemView {
        guard let status = ItemView.Status(rawValue: try row.text("status")) else {
            preconditionFailure("the query knows four words")
        }
        return ItemView(
            itemID: try row.uuid("id"), index: try row.optionalInt("batch_index") ?? 0,
            customID: try row.optionalText("item_custom_id"), status: status,
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

/// What became of a request for a receipt.
public enum ReceiptOutcome: Sendable, Hashable {
    case receipt(SettlementReceipt)
    /// The old application runs it.
    case notOurs
    case notFound
}

/// Where a page of items begins.
public enum ItemPlace: Sendable, Hashable {
    /// After so many.
    case offset(Int64)
    case after(ItemCursor)
}

/// Where a page of items ended.
public struct ItemCursor: Sendable, Hashable {
    public let index: Int64
    public let itemID: String

    public init(index: Int64, itemID: String) {
        self.index = index
        self.itemID = itemID
    }
}

/// Items of a batch that have ended.
public struct Results: Sendable {
    public let items: [ItemView]
    public let next: ResultCursor
    /// True once every item of the batch has ended and was given.
    public let isComplete: Bool
}

/// Which items of a batch were given already: a bit for each, by its place.
public struct ResultCursor: Sendable, Hashable {
    /// So many bytes of ones come before.
    public private(set) var fullBytes: Int
    /// The bits after them, the lowest of a byte first, as PostgreSQL counts them.
    public private(set) var rest: [UInt8]

    /// Nil for more than is remembered.
    public init?(fullBytes: Int = 0, rest: [UInt8] = []) {
        guard fullBytes >= 0, fullBytes <= Limits.resultCursorBytes, rest.count <= Limits.resultCursorBytes else {
            return nil
        }
        self.fullBytes = fullBytes
        self.rest = rest
    }

    /// None.
    public static let none = ResultCursor(full: 0)

    private init(full: Int) {
        fullBytes = full
        rest = []
    }

    mutating func insert(_ place: Int) {
        let bit = place - fullBytes * 8
        guard bit >= 0 else { return }
        while rest.count <= bit / 8 { rest.append(0) }
        rest[bit / 8] |= 1 << UInt8(bit % 8)
        while rest.first == 0xFF {
            rest.removeFirst()
            fullBytes += 1
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
    /// What the customer calls it.
    public let customID: String?
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
public struct Page<Element: Sendable, Cursor: Sendable>: Sendable {
    public let elements: [Element]
    /// Elements of the whole list, as filtered.
    public let total: Int64
    /// Where to go on; nil at the end.
    public let next: Cursor?

    public init(elements: [Element], total: Int64, next: Cursor?) {
        self.elements = elements
        self.total = total
        self.next = next
    }
}
