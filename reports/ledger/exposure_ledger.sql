-- What the ledger has frozen and not given back, by batch: of those that are not settled, and of what names no batch.
SELECT f.user_id::text AS user_id, f.batch_reference, f.frozen, f.frozen_at, b.id::text AS batch_id, b.created_at,
    coalesce(b.status, '') AS status
FROM (
    SELECT r.user_id, r.batch_reference, -sum(r.credits)::bigint AS frozen, min(r.created_at) AS frozen_at
    FROM batch_row AS r
    WHERE r.role IN ('freeze', 'refund')
    GROUP BY r.user_id, r.batch_reference
) AS f
LEFT JOIN batch_state AS b ON b.user_id = f.user_id AND b.id::text = f.batch_reference
WHERE f.frozen <> 0 AND b.is_settled IS NOT TRUE
ORDER BY f.user_id, f.batch_reference COLLATE "C"
