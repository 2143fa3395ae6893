-- One batch as it describes itself.
SELECT coalesce(b.status, '') AS status, coalesce(b.settlement_status, '') AS settlement,
    coalesce(b.request_id, '') AS request_id,
    b.created_at, b.settled_at, b.is_estimated, b.frozen_credits::bigint AS frozen,
    b.is_settled
FROM dated_batch AS b
WHERE b.id::text = :batch_id AND b.user_id = :user_id::uuid
