-- The ledger rows that a statement looks at one by one, in its order: those of the month, and of those before it what an account's costs, the
-- batches of the month and the purchases without a price need. All others count in sums.sql alone.
SELECT o.account, l.id, l.created_at, coalesce(l.type, '') AS type, coalesce(l.model, '') AS model,
    coalesce(l.meta ->> 'bucket', '') AS bucket, l.credits_delta::bigint AS credits, coalesce(l.ref_type, '') AS ref_type,
    coalesce(l.ref_id, '') AS ref_id,
    CASE WHEN l.type = 'purchase' AND l.meta ->> 'usd' ~ '^[0-9]{1,12}([.][0-9]+)?$'
        THEN trunc((l.meta ->> 'usd')::numeric * 1000000)::bigint END AS price_micros,
    CASE WHEN l.type IN ('purchase', 'bonus_grant', 'spend', 'refund') THEN '' ELSE coalesce(l.meta ->> 'reason', '') END AS reason
FROM owner AS o
JOIN credit_ledger AS l ON l.user_id = o.user_id
WHERE l.created_at < o.ends_at AND (o.is_whole OR l.created_at >= o.starts_at OR l.type = 'purchase'
    OR (l.ref_type IN ('batch_upfront', 'batch_refund') AND l.ref_id IN (SELECT b.id::text FROM reported_batch AS b)))
ORDER BY o.account, l.created_at, l.id
