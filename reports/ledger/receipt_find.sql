-- The batch of an id, with what it says of itself.
SELECT b.user_id::text AS user_id, b.request_id, b.created_at, b.total_count::bigint AS total,
    b.frozen_credits::bigint AS frozen, b.credits_spent::bigint AS spent, b.is_settled, b.settled_at, b.is_estimated
FROM dated_batch AS b
WHERE b.id = :batch_id::uuid
