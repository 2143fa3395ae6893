-- The ledger rows of the month, in the statement's order. Those before it count in sums.sql and batches.sql, or by what
-- they move in history.sql.
SELECT o.account, e.id, e.created_at, e.type, e.model, e.bucket, e.credits, e.ref_type, e.ref_id, e.price_micros,
    e.reason
FROM stated_owner AS o
JOIN listed_entry AS e ON e.user_id = o.user_id
WHERE e.created_at >= o.starts_at AND e.created_at < o.ends_at
    AND e.created_at >= (SELECT min(starts_at) FROM stated_owner)
        AND e.created_at < (SELECT max(ends_at) FROM stated_owner)
ORDER BY o.account, e.created_at, e.id
