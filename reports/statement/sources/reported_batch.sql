-- The batches that a statement may have to show: not settled before the month, or moved by a ledger row of the month. The second part goes
-- from the month's rows to the batches that the first does not have, because there are many older ones.
WITH unsettled AS MATERIALIZED (
    SELECT o.account, o.ends_at, o.needs_history, b.id, b.user_id, b.request_id, b.created_at, b.status, b.cost_per_video, s.settled_at
    FROM owner AS o
    JOIN batch_jobs AS b ON b.user_id = o.user_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN b.settlement_status IN ('finalized', 'refunded') AND coalesce(b.completed_at, b.updated_at) < o.ends_at
            THEN coalesce(b.completed_at, b.updated_at) END AS settled_at
    ) AS s
    WHERE (s.settled_at IS NULL OR s.settled_at >= o.starts_at)
        -- Without the accounts: most batches were settled before anybody's month.
        AND (b.settlement_status IN ('finalized', 'refunded')
            AND coalesce(b.completed_at, b.updated_at) < (SELECT min(starts_at) FROM owner)) IS NOT TRUE
), moved AS (
    SELECT DISTINCT l.ref_id
    FROM owner AS o
    JOIN credit_ledger AS l ON l.user_id = o.user_id AND l.created_at >= o.starts_at AND l.created_at < o.ends_at
    WHERE l.ref_type IN ('batch_upfront', 'batch_refund')
        AND l.created_at >= (SELECT min(starts_at) FROM owner) AND l.created_at < (SELECT max(ends_at) FROM owner)
        AND NOT EXISTS (SELECT FROM unsettled AS u WHERE u.id::text = l.ref_id)
)
SELECT account, ends_at, needs_history, id, user_id, request_id, created_at, status, cost_per_video, settled_at FROM unsettled
UNION ALL
SELECT o.account, o.ends_at, o.needs_history, b.id, b.user_id, b.request_id, b.created_at, b.status, b.cost_per_video,
    coalesce(b.completed_at, b.updated_at)
FROM moved AS m
JOIN batch_jobs AS b ON b.id = CASE WHEN m.ref_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN m.ref_id::uuid END
JOIN owner AS o ON o.user_id = b.user_id
WHERE b.settlement_status IN ('finalized', 'refunded') AND coalesce(b.completed_at, b.updated_at) < o.starts_at
