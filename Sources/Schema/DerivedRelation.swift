/// Relations that follow from the tables by a rule of the money or of ownership, each in one place: the queries of
/// reports name them like tables, and what is written in Swift puts their text in.
public enum DerivedRelation: String, CaseIterable, Sendable {
    /// Ledger rows with the credit that they moved, and what a purchase cost, in millionths of a dollar: null where
    /// nobody says.
    case pricedRow = "priced_row"
    /// The settled batches of which nobody wrote down when they were settled, with the instant that is taken for it.
    case estimatedSettlement = "estimated_settlement"
    /// Ledger rows that spend credit for no batch: videos that were bought by themselves.
    case singleSpend = "single_spend"
    /// Tasks with their model. One that has none is of the default model of its owner's contract profile in the month
    /// of its creation: whoever binds the query says the default models that are not the standard one's.
    case namedTask = "named_task"
    /// Rows of the access log with their owner by ``AccessOwner``.
    case ownedAccess = "owned_access"

    /// The query of the relation on the database at hand. Objects are named with their schema.
    public func select(_ catalog: Catalog) -> String {
        func table(_ name: String) -> String {
            guard let table = KnownTable.all.first(where: { $0.name == name }) else {
                preconditionFailure("\(name) is known")
            }
            return "(\(catalog.select(table)))"
        }
        switch self {
        case .pricedRow:
            return """
                SELECT l.user_id, l.id, l.type, l.model, l.credits_delta, l.ref_type, l.ref_id, l.meta, l.created_at,
                    \(Self.bucket) AS bucket, \(Self.price) AS price_micros
                FROM \(table("credit_ledger")) AS l
                LEFT JOIN \(table("ledger_price")) AS p ON p.user_id = l.user_id AND p.entry_id = l.id
                """
        case .estimatedSettlement: return Self.settlement(table)
        case .singleSpend:
            return """
                SELECT s.user_id, s.id, s.model, s.ref_id, s.credits_delta, s.created_at
                FROM \(table("credit_ledger")) AS s
                WHERE s.type = 'spend' AND s.ref_type IS DISTINCT FROM 'batch_upfront'
                    AND s.ref_type IS DISTINCT FROM 'batch_refund'
                """
        case .namedTask:
            return """
                SELECT t.id, t.user_id, t.batch_job_id, t.batch_index, t.status, t.failure_type, t.failure_reason,
                    t.created_at, t.updated_at, t.completed_at,
                    coalesce(nullif(t.model, ''), (
                        SELECT d.model
                        FROM unnest(:model_owners::uuid[], :model_from::timestamptz[],
                            :model_until::timestamptz[], :default_models::text[])
                            AS d (user_id, from_at, until_at, model)
                        WHERE d.user_id = t.user_id AND t.created_at >= d.from_at AND t.created_at < d.until_at
                    ), :default_model::text) AS model
                FROM \(table("video_tasks")) AS t
                """
        case .ownedAccess:
            let rule = AccessOwner(ownerID: "r.owner_id", videoID: "r.video_id")
            return """
                SELECT r.id, r.video_id, r.action, r.source, r.created_at, \(rule.owner) AS owner_id
                FROM \(table("video_external_access_log")) AS r
                LEFT JOIN \(table("video_tasks")) AS t ON \(rule.task)
                """
        }
    }

    /// Which credit a ledger row `l` moved, `bonus` or `permanent`. An application says it of a freeze by `use_bonus`,
    /// of a single video by its reference and of an adjustment by `credit_type`.
    public static let bucket = """
        coalesce(nullif(l.meta ->> 'bucket', ''), CASE WHEN l.type = 'bonus_grant'
            OR (l.type = 'adjust' AND (l.ref_type = 'bonus_expiry' OR l.meta ->> 'credit_type' = 'bonus'))
            OR (l.type = 'spend' AND (l.ref_type = 'bonus_credits' OR l.meta ->> 'use_bonus' = 'true'))
            THEN 'bonus' ELSE 'permanent' END)
        """

    /// What a ledger row `l` says that it cost, else what was told in `p`.
    public static let price = """
        CASE WHEN l.type = 'purchase' THEN coalesce(
            CASE WHEN l.meta ->> 'usd' ~ '^[0-9]{1,12}([.][0-9]+)?$'
                THEN trunc((l.meta ->> 'usd')::numeric * 1000000)::bigint END, (p.usd * 1000000)::bigint) END
        """

    /// The captured instant, else that of the first refund, else the end of the last task; of a batch without either,
    /// its creation. Never `updated_at` of the batch, which any later write moves.
    private static func settlement(_ table: (String) -> String) -> String {
        """
        WITH silent AS MATERIALIZED (
            SELECT j.user_id, j.id, j.created_at, k.settled_at
            FROM \(table("batch_jobs")) AS j
            LEFT JOIN \(table("settlement_fact")) AS k ON k.user_id = j.user_id AND k.batch_id = j.id
            WHERE j.settlement_status IN ('finalized', 'refunded') AND j.completed_at IS NULL
        ), returned AS MATERIALIZED (
            SELECT q.user_id, q.id, min(l.created_at) AS settled_at
            FROM silent AS q
            JOIN \(table("credit_ledger")) AS l ON l.user_id = q.user_id AND l.ref_id = q.id::text
            WHERE q.settled_at IS NULL AND l.ref_type = 'batch_refund'
            GROUP BY q.user_id, q.id
        ), ended AS (
            SELECT q.user_id, q.id, max(coalesce(t.completed_at, g.terminal_at, t.updated_at)) AS settled_at
            FROM silent AS q
            JOIN \(table("video_tasks")) AS t ON t.batch_job_id = q.id
            LEFT JOIN \(table("task_fact")) AS g ON g.user_id = t.user_id AND g.task_id = t.id
            WHERE q.settled_at IS NULL
                AND NOT EXISTS (SELECT FROM returned AS r WHERE r.user_id = q.user_id AND r.id = q.id)
            GROUP BY q.user_id, q.id
        )
        SELECT q.user_id, q.id AS batch_id,
            coalesce(q.settled_at, r.settled_at, e.settled_at, q.created_at) AS settled_at
        FROM silent AS q
        LEFT JOIN returned AS r ON r.user_id = q.user_id AND r.id = q.id
        LEFT JOIN ended AS e ON e.user_id = q.user_id AND e.id = q.id
        """
    }
}

/// Whose an access is, in one place: the report on accesses counts by it, plans, holds and purges go by it, and what is
/// left of purged rows is counted by it.
///
/// The row says it where the engine recorded the access, also after the video's task is gone or has another owner; else
/// it is the owner of the video, which is found by its task. Never the viewer. Nobody's where neither is known.
public struct AccessOwner: Sendable {
    /// The owner of a row, a uuid or null, with its video's task as `t`.
    public let owner: String
    /// When a task `t` is that of a row's video, whoever owns it.
    public let task: String

    /// - Parameters:
    ///   - ownerID: The row's `owner_id` in SQL, null of its type where the database has no such column of ours.
    ///   - videoID: The row's `video_id` in SQL.
    public init(ownerID: String, videoID: String) {
        owner = "coalesce(\(ownerID), t.user_id)"
        task = "t.id = \(videoID)"
    }
}
