public import Domain
public import Postgres

/// The receipt of a batch of the engine, from its own records: tasks, draws, and rows of the ledger.
///
/// Everything is looked up by the customer and the batch, in one transaction of the caller's, which must have one
/// snapshot: REPEATABLE READ.
public struct EngineReceipt {
    private let session: Session

    public init(_ session: Session) {
        self.session = session
    }

    /// The receipt; nil where the customer has no batch of that id that the engine runs.
    public func receipt(of batchID: String, for userID: String) throws -> SettlementReceipt? {
        let known = try session.query(
            """
            SELECT b.frozen, b.spent, b.created_at, b.settled_at, j.total_count::bigint AS total, j.request_id
            FROM daybook.batch AS b
            JOIN public.batch_jobs AS j ON j.user_id = b.user_id AND j.id = b.batch_id
            WHERE b.user_id = $1 AND b.batch_id = $2 AND b.owner = 'engine'
            """, [.uuid(userID), .uuid(batchID)])
        guard let row = known.first else { return nil }
        var facts = SettlementReceipt.Facts(batchID: batchID, userID: userID, owner: "engine")
        facts.requestID = try row.optionalText("request_id")
        facts.createdAt = try row.optionalInstant("created_at")
        facts.settledAt = try row.optionalInstant("settled_at")
        facts.isSettled = facts.settledAt != nil
        facts.stated = (try row.optionalInt("total"), try row.int("frozen"), try row.int("spent"))
        try count(&facts)
        facts.draws = try draws(of: batchID, for: userID)
        facts.entries = try entries(of: batchID, for: userID)
        return SettlementReceipt(facts)
    }

    /// Counts the tasks by their finer state, and by the word for their failure, which no purge takes.
    private func count(_ facts: inout SettlementReceipt.Facts) throws {
        let rows = try session.query(
            """
            SELECT t.state, coalesce(v.failure_type, '') AS failure, count(*) AS items, sum(t.cost)::bigint AS cost
            FROM daybook.task AS t
            LEFT JOIN public.video_tasks AS v ON v.user_id = t.user_id AND v.id = t.task_id
            WHERE t.user_id = $1 AND t.batch_id = $2
            GROUP BY 1, 2
            """, [.uuid(facts.userID), .uuid(facts.batchID)])
        for row in rows {
            let items = try row.int("items")
            switch (try row.text("state"), try row.text("failure")) {
            case ("succeeded", _):
                facts.items.succeeded += items
                facts.delivered += try row.int("cost")
            case ("cancelled", _): facts.items.cancelled += items
            case ("timed_out", _), ("failed", "timeout"): facts.items.expired += items
            case ("failed", "unknown"): facts.items.unknown += items
            case ("failed", _): facts.items.failed += items
            default: facts.items.open += items
            }
        }
    }

    /// What the engine drew from the customer's lots for a batch, in the order in which it did; empty for one that it
    /// never froze.
    package func draws(of batchID: String, for userID: String) throws -> [SettlementReceipt.Draw] {
        try session.query(
            """
            SELECT d.lot_id, d.model, d.credits, d.returned, (d.cost_usd * 1000000)::bigint AS cost_micros,
                (d.returned_cost_usd * 1000000)::bigint AS returned_micros,
                CASE l.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END AS bucket, (
                    SELECT min(e.entry_id) FROM daybook.entry AS e
                    WHERE e.user_id = d.user_id AND e.kind IN ('purchase', 'grant', 'adjustment')
                        AND e.reference IS NOT NULL AND e.lot_id = d.lot_id AND e.credits > 0
                ) AS opened_by
            FROM daybook.draw AS d
            JOIN daybook.lot AS l ON l.user_id = d.user_id AND l.lot_id = d.lot_id
            WHERE d.user_id = $1 AND d.batch_id = $2
            ORDER BY d.draw_no
            """, [.uuid(userID), .uuid(batchID)]
        ).map { row in
            SettlementReceipt.Draw(
                lot: try row.int("lot_id"), openedBy: try row.optionalInt("opened_by"), bucket: try row.text("bucket"),
                model: try row.text("model"), credits: try row.int("credits"),
                cost: Dollars(micros: try row.int("cost_micros")), returned: try row.int("returned"),
                returnedCost: Dollars(micros: try row.int("returned_micros")))
        }
    }

    /// The batch's rows of the ledger, whoever wrote them, and what expired as it came back.
    package func entries(of batchID: String, for userID: String) throws -> [SettlementReceipt.Entry] {
        try session.query(
            """
            SELECT l.id, l.ref_type, l.credits_delta::bigint AS credits, l.created_at, e.lot_id,
                coalesce(e.model, l.model, '') AS model, (e.cost_usd * 1000000)::bigint AS cost_micros
            FROM public.credit_ledger AS l
            LEFT JOIN daybook.entry AS e ON e.user_id = l.user_id AND e.entry_id = l.id
            WHERE l.user_id = $1 AND l.ref_type IN ('batch_upfront', 'batch_refund') AND l.ref_id = $2::uuid::text
            UNION ALL
            SELECT e.entry_id, 'bonus_expiry', e.credits, e.effective_at, e.lot_id, e.model,
                (e.cost_usd * 1000000)::bigint
            FROM daybook.entry AS e
            WHERE e.user_id = $1 AND e.batch_id = $2 AND e.kind = 'expiry'
            ORDER BY created_at, id
            """, [.uuid(userID), .uuid(batchID)]
        ).map { row in
            let kind: SettlementReceipt.Entry.Kind =
                switch try row.text("ref_type") {
                case "batch_upfront": .freeze
                case "batch_refund": .refund
                default: .expiry
                }
            return SettlementReceipt.Entry(
                id: try row.int("id"), kind: kind, lot: try row.optionalInt("lot_id"), model: try row.text("model"),
                credits: try row.int("credits"), cost: try row.optionalInt("cost_micros").map { Dollars(micros: $0) },
                postedAt: try row.optionalInstant("created_at"))
        }
    }
}
