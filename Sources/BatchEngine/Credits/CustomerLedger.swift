public import Domain
public import Postgres
import Schema

/// The credit of one customer in the words of the Batch API.
public struct CustomerLedger {
    private let session: Session
    private let userID: String

    public init(_ session: Session, of userID: String) {
        self.session = session
        self.userID = userID
    }

    /// What can be spent and what is frozen for batches that have not ended.
    public struct Balance: Sendable, Hashable {
        public let available: Int64
        public let reserved: Int64
        /// Both together.
        public var total: Int64 { available + reserved }
    }

    public func balance() throws -> Balance {
        let row = try session.query(
            """
            SELECT daybook.available($1, $2) AS available, (\(CreditBook.heldSQL)) AS reserved
            """, [.uuid(userID), .int(.max)])[0]
        return Balance(available: try row.int("available"), reserved: try row.int("reserved"))
    }

    /// Which entries of the ledger are asked for.
    public struct Filter: Sendable, Hashable {
        public var batchID: String?
        public var kind: LedgerLine.Kind?
        /// The first instant.
        public var from: Instant?
        /// The first instant after the last.
        public var to: Instant?

        public init(batchID: String? = nil, kind: LedgerLine.Kind? = nil, from: Instant? = nil, to: Instant? = nil) {
            self.batchID = batchID
            self.kind = kind
            self.from = from
            self.to = to
        }
    }

    /// Entries of the ledger, the newest first, each with the balance after it.
    ///
    /// A batch that has ended has one entry more than the ledger, `settle`, which moves nothing: it says what of the
    /// reserved credit was spent.
    ///
    /// - Parameters:
    ///   - offset: How many come before the page; of those after the cursor.
    ///   - cursor: Where the page before ended; what is booked meanwhile comes before it, and moves nothing.
    public func ledger(
        _ filter: Filter, limit: Int64, offset: Int64, after cursor: LedgerCursor? = nil
    ) throws -> Page<LedgerLine, LedgerCursor> {
        let parameters: [Value] = [
            .uuid(userID), filter.batchID.map(Value.uuid) ?? .null, Value(filter.kind?.rawValue), Value(filter.from),
            Value(filter.to), .int(limit + 1), .int(offset), Value(cursor?.createdAt), Value(cursor?.turn ?? 0),
            Value(cursor?.number ?? 0), Value(cursor?.id),
        ]
        let rows = try session.query(Self.ledgerSQL, parameters)
        let found = try rows.filter { try !$0.isNull("id") }.map { row in
            let line = try Self.line(row)
            let cursor = LedgerCursor(
                createdAt: line.createdAt, turn: try row.int("turn"), number: try row.int("number"), id: line.id)
            return (line: line, cursor: cursor)
        }
        let listing = Listing(found, limit: limit, cursor: \.cursor)
        return Page(
            elements: listing.elements.map(\.line), total: try rows.first?.int("total") ?? 0, next: listing.next)
    }

    private static func line(_ row: Row) throws -> LedgerLine {
        guard let kind = LedgerLine.Kind(rawValue: try row.text("kind")) else {
            preconditionFailure("the query knows the kinds")
        }
        let reason = try row.optionalText("reason").flatMap(LedgerLine.Reason.init)
        return LedgerLine(
            id: try row.text("id"), kind: kind, reason: reason, delta: try row.int("delta"),
            balanceAfter: try row.int("balance_after"), batchID: try row.optionalText("batch_id"),
            createdAt: try row.instant("created_at"))
    }

    private static let ledgerSQL = """
        WITH entry AS (
            SELECT l.id::text AS id, l.id::bigint AS number, 0::bigint AS turn,
                CASE
                    WHEN l.type = 'spend' AND l.ref_type = 'batch_upfront' THEN 'reserve'
                    WHEN l.type = 'spend' THEN 'settle'
                    WHEN l.type IN ('refund', 'purchase') THEN l.type
                    WHEN l.type = 'bonus_grant' OR l.ref_type = 'bonus_expiry' THEN 'bonus'
                    WHEN l.credits_delta < 0 THEN 'refund'
                    ELSE 'purchase'
                END AS kind,
                CASE
                    WHEN l.ref_type = 'carried_forward' THEN 'carried_forward'
                    WHEN l.type = 'spend' AND l.ref_type IS DISTINCT FROM 'batch_upfront' THEN 'single_video'
                    WHEN l.type = 'refund' AND l.ref_type IS DISTINCT FROM 'batch_refund' AND l.ref_id IN (
                        SELECT s.ref_id FROM public.credit_ledger AS s
                        WHERE s.user_id = $1 AND s.type = 'spend' AND s.ref_type IS DISTINCT FROM 'batch_upfront'
                            AND s.ref_id IS NOT NULL
                    ) THEN 'single_video'
                    WHEN l.type IN ('spend', 'refund', 'purchase', 'bonus_grant') THEN NULL
                    WHEN l.ref_type = 'bonus_expiry' THEN 'expired'
                    ELSE 'adjusted'
                END AS reason,
                l.credits_delta::bigint AS delta, l.credits_delta::bigint AS effect,
                CASE WHEN l.ref_type IN ('batch_upfront', 'batch_refund') THEN l.ref_id ELSE l.meta ->> 'batch_id' END
                    AS batch_id,
                l.created_at
            FROM public.credit_ledger AS l
            WHERE l.user_id = $1
            UNION ALL
            SELECT 'settle-' || j.id, 0::bigint, 1::bigint, 'settle', NULL, -coalesce(b.spent, j.credits_spent), 0,
                j.id::text,
                coalesce(b.settled_at, j.completed_at, f.settled_at, (
                    SELECT min(r.created_at) FROM public.credit_ledger AS r
                    WHERE r.user_id = $1 AND r.ref_type = 'batch_refund' AND r.ref_id = j.id::text
                ), (
                    SELECT max(\(SharedSource.datedTask.expression("ended_at") { "\($0).\($1)" }))
                    FROM public.video_tasks AS t
                    LEFT JOIN daybook.task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
                    WHERE t.batch_job_id = j.id
                ), j.created_at)
            FROM public.batch_jobs AS j
            LEFT JOIN daybook.batch AS b ON b.user_id = j.user_id AND b.batch_id = j.id
            LEFT JOIN daybook.settlement_fact AS f ON f.user_id = j.user_id AND f.batch_id = j.id
            WHERE j.user_id = $1
                AND CASE WHEN b.batch_id IS NULL THEN j.settlement_status <> 'pending' ELSE b.settled_at IS NOT NULL END
                AND coalesce(b.spent, j.credits_spent) > 0
        ), balanced AS (
            SELECT *, sum(effect) OVER (ORDER BY created_at, turn, number, id COLLATE "C")::bigint AS balance_after
            FROM entry
        ), wanted AS (
            SELECT * FROM balanced
            WHERE ($2::uuid IS NULL OR batch_id = $2::text) AND ($3::text IS NULL OR kind = $3)
                AND ($4::timestamptz IS NULL OR created_at >= $4) AND ($5::timestamptz IS NULL OR created_at < $5)
        )
        SELECT n.total, p.* FROM (SELECT count(*) AS total FROM wanted) AS n
        LEFT JOIN LATERAL (
            SELECT * FROM wanted
            WHERE $8::timestamptz IS NULL
                OR (created_at, turn, number, id COLLATE "C") < ($8, $9, $10, $11 COLLATE "C")
            ORDER BY created_at DESC, turn DESC, number DESC, id COLLATE "C" DESC LIMIT $6 OFFSET $7
        ) AS p ON true
        ORDER BY p.created_at DESC, p.turn DESC, p.number DESC, p.id COLLATE "C" DESC
        """
}

/// Where a page of the ledger ended.
public struct LedgerCursor: Sendable, Hashable {
    public let createdAt: Instant
    /// 1 for an entry that stands beside the ledger's own.
    public let turn: Int64
    public let number: Int64
    public let id: String

    public init(createdAt: Instant, turn: Int64, number: Int64, id: String) {
        self.createdAt = createdAt
        self.turn = turn
        self.number = number
        self.id = id
    }
}

/// An entry of the ledger in the words of the Batch API.
public struct LedgerLine: Sendable, Hashable {
    /// What an entry is, in the published words; clients decode no other.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Credit was frozen for a batch.
        case reserve
        /// A batch ended, and so much of its credit was spent; the balance does not move. Or a video was bought alone,
        /// and it does.
        case settle
        /// Credit of a batch came back, or was taken out by a correction.
        case refund
        /// Credit was bought, or added by a correction.
        case purchase
        /// Credit was granted; negative where granted credit expired.
        case bonus
    }

    /// What an entry is in finer words, where the published one does not say it all.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// Granted credit expired.
        case expired
        /// Credit was corrected by hand.
        case adjusted
        /// A video was bought alone, without a batch.
        case singleVideo = "single_video"
        /// The entry stands for those of a month long ago.
        case carriedForward = "carried_forward"
    }

    public let id: String
    public let kind: Kind
    public let reason: Reason?
    /// Credits, negative for what goes out.
    public let delta: Int64
    /// The sum of everything that moved the balance up to here.
    public let balanceAfter: Int64
    public let batchID: String?
    public let createdAt: Instant

    /// One line for people.
    public var description: String {
        switch (kind, reason) {
        case (_, .expired?): "Bonus credits expired"
        case (_, .adjusted?): "Credits corrected"
        case (.refund, .singleVideo?): "Credits returned from a single video"
        case (_, .singleVideo?): "Credits spent by a single video"
        case (_, .carriedForward?): "Entries of a month long ago"
        case (.reserve, nil): "Credits reserved for a batch"
        case (.settle, nil): "Credits spent by a batch"
        case (.refund, nil): "Credits returned from a batch"
        case (.purchase, nil): "Credits purchased"
        case (.bonus, nil): "Bonus credits granted"
        }
    }
}
