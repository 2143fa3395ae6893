-- The refund obligations that were not met on time, batch by batch.
SELECT account, id::text AS batch_id, class, owed AS obligated_credits, refunded AS refunded_credits,
    refund_microseconds, width_bucket(created_at, :day_starts::timestamptz[])::bigint AS day
FROM judged_batch
WHERE class IN ('late', 'partial', 'missing', 'over_refunded', 'stuck')
ORDER BY account, id
