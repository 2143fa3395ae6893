-- Batches with the instant of their settlement, which counts where they are settled: what they say themselves, else the
-- one that is taken for it.
SELECT b.*, coalesce(b.completed_at, e.settled_at) AS settled_at, b.completed_at IS NULL AS is_estimated
FROM batch_state AS b
LEFT JOIN estimated_settlement AS e ON e.user_id = b.user_id AND e.batch_id = b.id
