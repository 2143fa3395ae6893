-- Rows before the month that this statement lists, because their own month was closed when they came.
SELECT 1 AS account, e.id, e.created_at, e.type, e.model, e.bucket, e.credits, e.ref_type, e.ref_id, e.price_micros,
    e.reason
FROM listed_entry AS e
WHERE e.user_id = :listed_owner::uuid AND e.id = ANY (:listed_ids::bigint[])
ORDER BY e.created_at, e.id
