-- Rows of one account's ledger that brought credit in: what they are called on an invoice, and until when the credit
-- can be spent. An application says it in the row, the engine of the credit that the row opened. Rows that may be
-- carried forward some day say nothing here, so that a statement is the same before and after.
SELECT l.id, l.created_at, coalesce(l.type, '') AS type,
    coalesce(nullif(l.meta ->> 'invoice', ''), l.ref_id, '') AS reference,
    coalesce(l.meta ->> 'expires_at', '') AS said_expiry, k.expires_at
FROM ledger_row AS l
LEFT JOIN lot AS k ON k.user_id = l.user_id
    AND k.lot_id = CASE WHEN l.meta ->> 'lot_id' ~ '^[0-9]{1,18}$' THEN (l.meta ->> 'lot_id')::bigint END
WHERE l.user_id = :listed_owner::uuid AND l.id = ANY (:listed_ids::bigint[]) AND l.created_at >= :kept_from::timestamptz
ORDER BY l.id
