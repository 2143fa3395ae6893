-- One batch as it describes itself.
SELECT coalesce(b.status, '') AS status, coalesce(b.settlement_status, '') AS settlement, coalesce(b.request_id, '') AS request_id,
    b.created_at, coalesce(b.completed_at, s.settled_at) AS settled_at, b.completed_at IS NULL AS is_estimated, b.frozen_credits::bigint AS frozen,
    b.settlement_status IN ('finalized', 'refunded') AS is_settled
FROM batch_jobs AS b
LEFT JOIN estimated_settlement AS s ON s.user_id = b.user_id AND s.batch_id = b.id
WHERE b.id::text = :batch_id AND b.user_id = :user_id::uuid
