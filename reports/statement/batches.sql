-- The batches that a statement may have to show: not settled before the month, or moved by a ledger row of the month. A
-- row a model: what their tasks came to, counted from the tasks, and after those what their ledger rows before the
-- month moved. The latter only for accounts without a history, which says it for the others.
WITH unsettled AS MATERIALIZED (
    SELECT o.account, o.ends_at, b.id, b.user_id, b.request_id, b.created_at, b.status, b.cost_per_video, s.settled_at,
        s.settled_at IS NOT NULL AND b.is_estimated AS is_estimated
    FROM stated_owner AS o
    JOIN dated_batch AS b ON b.user_id = o.user_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.is_settled AND b.settled_at < o.ends_at THEN b.settled_at END AS settled_at
    ) AS s
    WHERE (s.settled_at IS NULL OR s.settled_at >= o.starts_at)
        -- Without the accounts: most batches were settled before anybody's month.
        AND (b.is_settled AND b.settled_at < (SELECT min(starts_at) FROM stated_owner)) IS NOT TRUE
), touched AS MATERIALIZED (
    -- In one pass over the ledger: the rows before the month of these batches, and those of the month that belong to
    -- others. Which month is meant is looked at roughly first, without the accounts, because these are few rows of
    -- many.
    SELECT o.account, o.needs_history, l.created_at < o.starts_at AS is_before, l.user_id, l.ref_id,
        coalesce(l.model, '') AS model,
        CASE l.ref_type WHEN 'batch_upfront' THEN -l.credits_delta::bigint ELSE 0 END AS frozen,
        CASE l.ref_type WHEN 'batch_refund' THEN l.credits_delta::bigint ELSE 0 END AS refunded
    FROM stated_owner AS o
    JOIN credit_ledger AS l ON l.user_id = o.user_id
    WHERE l.ref_type IN ('batch_upfront', 'batch_refund') AND l.created_at < o.ends_at
        AND CASE WHEN l.ref_id IN (SELECT u.id::text FROM unsettled AS u)
            THEN l.created_at < (SELECT max(starts_at) FROM stated_owner)
            ELSE l.created_at >= (SELECT min(starts_at) FROM stated_owner) END
), reported AS MATERIALIZED (
    SELECT account, ends_at, id, user_id, request_id, created_at, status, cost_per_video, settled_at, is_estimated
        FROM unsettled
    UNION ALL
    SELECT o.account, o.ends_at, b.id, b.user_id, b.request_id, b.created_at, b.status, b.cost_per_video,
        b.settled_at, b.is_estimated
    FROM (SELECT DISTINCT t.ref_id FROM touched AS t WHERE NOT t.is_before) AS m
    JOIN dated_batch AS b
        ON b.id = CASE WHEN m.ref_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
            THEN m.ref_id::uuid END
    JOIN stated_owner AS o ON o.user_id = b.user_id
    WHERE b.is_settled AND b.settled_at < o.starts_at
), counted AS (
    SELECT r.id, v.model, count(*) AS items,
        count(*) FILTER (WHERE v.status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE v.status = 'failed') AS failed,
        coalesce(sum(coalesce(v.cost_credits, r.cost_per_video::bigint, 0)), 0)::bigint AS cost,
        coalesce(sum(coalesce(v.cost_credits, r.cost_per_video::bigint, 0)) FILTER (WHERE v.status = 'succeeded'),
            0)::bigint AS delivered,
        count(*) FILTER (WHERE v.status = 'succeeded' AND v.ended_at < r.ends_at) AS succeeded_by_end,
        count(*) FILTER (WHERE v.status = 'failed' AND v.ended_at < r.ends_at) AS failed_by_end
    FROM reported AS r
    JOIN named_task AS v ON v.batch_job_id = r.id
    GROUP BY r.id, v.model
), earlier AS (
    SELECT t.user_id, t.ref_id, t.model, sum(t.frozen)::bigint AS frozen, sum(t.refunded)::bigint AS refunded
    FROM touched AS t
    WHERE t.is_before AND NOT t.needs_history
    GROUP BY t.user_id, t.ref_id, t.model
)
SELECT p.account, p.id::text AS batch_id, coalesce(p.request_id, '') AS request_id, p.created_at, p.settled_at,
    coalesce(p.status, '') AS status, p.model, p.items, p.succeeded, p.failed, p.delivered, p.succeeded_by_end,
    p.failed_by_end,
    p.frozen_before, p.refunded_before, p.is_estimated, p.cost
FROM (
    SELECT b.account, b.id, b.request_id, b.created_at, b.settled_at, b.status,
        c.model, c.items, c.succeeded, c.failed, c.delivered, c.succeeded_by_end, c.failed_by_end, 0 AS frozen_before,
        0 AS refunded_before,
        b.is_estimated, c.cost
    FROM reported AS b
    LEFT JOIN counted AS c ON c.id = b.id
    UNION ALL
    SELECT u.account, u.id, u.request_id, u.created_at, u.settled_at, u.status, e.model, 0, 0, 0, 0, 0, 0, e.frozen,
        e.refunded,
        u.is_estimated, 0
    FROM earlier AS e
    JOIN unsettled AS u ON u.id::text = e.ref_id AND u.user_id = e.user_id
) AS p
ORDER BY p.account, p.id, p.items = 0, p.model COLLATE "C"
