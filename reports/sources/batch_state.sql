-- Batches with whether they are settled: what they cost is taken then, and what they did not deliver is given back.
SELECT b.*, b.settlement_status IN ('finalized', 'refunded') AS is_settled
FROM batch_jobs AS b
