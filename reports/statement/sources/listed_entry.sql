-- A ledger row as a statement lists it.
SELECT l.user_id, l.id, l.created_at, coalesce(l.type, '') AS type, coalesce(l.model, '') AS model,
    coalesce(l.meta ->> 'bucket', '') AS bucket, l.credits_delta::bigint AS credits, coalesce(l.ref_type, '') AS ref_type,
    coalesce(l.ref_id, '') AS ref_id,
    CASE WHEN l.type = 'purchase' AND l.meta ->> 'usd' ~ '^[0-9]{1,12}([.][0-9]+)?$'
        THEN trunc((l.meta ->> 'usd')::numeric * 1000000)::bigint END AS price_micros,
    CASE WHEN l.type IN ('purchase', 'bonus_grant', 'spend', 'refund') THEN '' ELSE coalesce(l.meta ->> 'reason', '') END AS reason
FROM credit_ledger AS l
