-- The batches of every account, a row a model: what their tasks came to, counted from the tasks, and after those what their ledger rows before
-- the month moved. For an account with a history the history says the latter.
WITH reported AS MATERIALIZED (SELECT * FROM reported_batch), counted AS (
    SELECT r.id, coalesce(v.model, '') AS model, count(*) AS items,
        count(*) FILTER (WHERE v.status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE v.status = 'failed') AS failed,
        coalesce(sum(coalesce(f.cost_credits, r.cost_per_video::bigint, 0)) FILTER (WHERE v.status = 'succeeded'), 0)::bigint AS delivered,
        count(*) FILTER (
            WHERE v.status = 'succeeded' AND coalesce(v.completed_at, f.terminal_at, v.updated_at) < r.ends_at
        ) AS succeeded_by_end,
        count(*) FILTER (
            WHERE v.status = 'failed' AND coalesce(v.completed_at, f.terminal_at, v.updated_at) < r.ends_at
        ) AS failed_by_end
    FROM reported AS r
    JOIN video_tasks AS v ON v.batch_job_id = r.id
    LEFT JOIN task_fact AS f ON f.user_id = v.user_id AND f.task_id = v.id
    GROUP BY r.id, coalesce(v.model, '')
), earlier AS (
    -- IN, written so that the batches are hashed and the rows of the ledger, of which there are more, go by them.
    SELECT l.user_id, l.ref_id, coalesce(l.model, '') AS model,
        coalesce(sum(-l.credits_delta::bigint) FILTER (WHERE l.ref_type = 'batch_upfront'), 0)::bigint AS frozen,
        coalesce(sum(l.credits_delta::bigint) FILTER (WHERE l.ref_type = 'batch_refund'), 0)::bigint AS refunded
    FROM owner AS o
    JOIN credit_ledger AS l ON l.user_id = o.user_id
    WHERE NOT o.needs_history AND l.created_at < o.starts_at AND l.created_at < (SELECT max(starts_at) FROM owner)
        AND l.ref_type IN ('batch_upfront', 'batch_refund')
        AND (l.ref_id IN (SELECT r.id::text FROM reported AS r WHERE NOT r.needs_history)) IS TRUE
    GROUP BY l.user_id, l.ref_id, coalesce(l.model, '')
)
SELECT p.account, p.id::text AS batch_id, coalesce(p.request_id, '') AS request_id, p.created_at, p.settled_at,
    coalesce(p.status, '') AS status, p.model, p.items, p.succeeded, p.failed, p.delivered, p.succeeded_by_end, p.failed_by_end,
    p.frozen_before, p.refunded_before
FROM (
    SELECT b.account, b.id, b.request_id, b.created_at, b.settled_at, b.status,
        c.model, c.items, c.succeeded, c.failed, c.delivered, c.succeeded_by_end, c.failed_by_end, 0 AS frozen_before, 0 AS refunded_before
    FROM reported AS b
    LEFT JOIN counted AS c ON c.id = b.id
    UNION ALL
    SELECT b.account, b.id, b.request_id, b.created_at, b.settled_at, b.status, e.model, 0, 0, 0, 0, 0, 0, e.frozen, e.refunded
    FROM earlier AS e
    JOIN reported AS b ON b.id = e.ref_id::uuid AND b.user_id = e.user_id
) AS p
ORDER BY p.account, p.id, p.items = 0, p.model COLLATE "C"
