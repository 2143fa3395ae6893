-- The batches that a statement may have to show: not settled before the month, or moved by a ledger row of the month.
SELECT o.account, o.ends_at, b.id, b.user_id, b.request_id, b.created_at, b.status, b.cost_per_video, s.settled_at
FROM owner AS o
JOIN batch_jobs AS b ON b.user_id = o.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN b.settlement_status IN ('finalized', 'refunded') AND coalesce(b.completed_at, b.updated_at) < o.ends_at
        THEN coalesce(b.completed_at, b.updated_at) END AS settled_at
) AS s
WHERE s.settled_at IS NULL OR s.settled_at >= o.starts_at OR b.id::text IN (
    SELECT l.ref_id
    FROM owner AS p
    JOIN credit_ledger AS l ON l.user_id = p.user_id AND l.created_at >= p.starts_at AND l.created_at < p.ends_at
    WHERE l.ref_type IN ('batch_upfront', 'batch_refund')
)
