-- The ledger rows that a statement looks at one by one, in its order: those of the month, and of those before it the purchases and what the
-- batches of the month need. All others count in sums.sql, or by what they move in history.sql.
SELECT o.account, e.id, e.created_at, e.type, e.model, e.bucket, e.credits, e.ref_type, e.ref_id, e.price_micros, e.reason
FROM owner AS o
JOIN listed_entry AS e ON e.user_id = o.user_id
WHERE e.created_at < o.ends_at AND (e.created_at >= o.starts_at OR e.type = 'purchase'
    OR (e.ref_type IN ('batch_upfront', 'batch_refund') AND e.ref_id IN (SELECT b.id::text FROM reported_batch AS b)))
ORDER BY o.account, e.created_at, e.id
