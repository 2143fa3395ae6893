-- The purchases of one account before its month that have no price.
SELECT 1 AS account, e.id, e.created_at, e.type, e.model, e.bucket, e.credits, e.ref_type, e.ref_id, e.price_micros,
    e.reason
FROM listed_entry AS e
WHERE e.user_id = :listed_owner::uuid AND e.type = 'purchase' AND e.created_at < :listed_before::timestamptz
    AND e.credits > 0
    AND e.price_micros IS NULL
ORDER BY e.created_at, e.id
