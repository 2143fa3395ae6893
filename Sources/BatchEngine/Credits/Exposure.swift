public import Domain
public import Postgres

/// What is open between the books and the provider: credit that is held, and work that may have been paid for.
public struct Exposure: Sendable, Hashable {
    /// Why a line is open.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Nobody knows whether the provider took the task.
        case unknown
        /// An id was named for a submission, and the provider has not borne it out yet.
        case named
        /// The provider has a second task of one submission.
        case second
        /// The provider rendered a task that had been given up, and refunded.
        case late
        /// Credit of a batch that is not settled.
        case held
    }

    public let kind: Kind
    /// The account's slug, or the user where there is none.
    public let customer: String
    public let batchID: String?
    public let taskID: String?
    /// The provider's id, where one is known.
    public let providerTaskID: String?
    /// Credits that are held for it.
    public let credits: Int64
    public let since: Instant
    /// When it ends by itself, at the latest.
    public let until: Instant?
    /// The provider's last word on a second task.
    public let status: String?

    /// Everything that is open, kind by kind, the oldest first.
    public static func read(_ session: Session) throws -> [Exposure] {
        let rows = try session.query(
            """
            SELECT o.kind, coalesce(a.slug, o.user_id::text) AS customer, o.batch_id, o.task_id, o.provider_task_id,
                o.credits, o.since, o.until, o.status
            FROM (
                SELECT 1 AS place, 'unknown' AS kind, t.user_id, t.batch_id, t.task_id, s.provider_task_id,
                    t.cost AS credits, s.intent_at AS since, t.deadline_at AS until, NULL AS status
                FROM daybook.task AS t
                JOIN daybook.submission AS s
                    ON s.user_id = t.user_id AND s.task_id = t.task_id AND s.attempt = t.attempts
                WHERE t.state = 'unknown'
                UNION ALL
                SELECT CASE h.outcome WHEN 'heard' THEN 2 ELSE 3 END,
                    CASE h.outcome WHEN 'heard' THEN 'named' ELSE 'second' END, h.user_id, NULL, NULL,
                    h.provider_task_id, 0, h.heard_at, NULL, h.provider_status
                FROM daybook.provider_hint AS h
                WHERE h.outcome IN ('heard', 'extra')
                UNION ALL
                SELECT 4, 'late', s.user_id, t.batch_id, s.task_id, s.provider_task_id, 0, s.late_success_at, NULL, NULL
                FROM daybook.submission AS s
                JOIN daybook.task AS t ON t.user_id = s.user_id AND t.task_id = s.task_id
                WHERE s.late_success_at IS NOT NULL
                UNION ALL
                SELECT 5, 'held', b.user_id, b.batch_id, NULL, NULL, b.frozen - b.spent - b.refunded, b.frozen_at, (
                        SELECT max(coalesce(t.deadline_at, t.expires_at)) FROM daybook.task AS t
                        WHERE t.user_id = b.user_id AND t.batch_id = b.batch_id
                            AND t.state IN ('ready', 'intent', 'unknown', 'accepted')
                    ), NULL
                FROM daybook.batch AS b
                WHERE b.settled_at IS NULL AND b.frozen > b.spent + b.refunded
            ) AS o
            LEFT JOIN daybook.account AS a ON a.user_id = o.user_id
            ORDER BY o.place, o.since, o.user_id, o.batch_id, o.task_id, o.provider_task_id
            """)
        return try rows.compactMap { row in
            guard let kind = Kind(rawValue: try row.text("kind")) else { return nil }
            return Exposure(
                kind: kind, customer: try row.text("customer"), batchID: try row.optionalUuid("batch_id"),
                taskID: try row.optionalUuid("task_id"), providerTaskID: try row.optionalText("provider_task_id"),
                credits: try row.int("credits"), since: try row.instant("since"),
                until: try row.optionalInstant("until"), status: try row.optionalText("status"))
        }
    }
}
