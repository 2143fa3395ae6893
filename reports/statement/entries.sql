-- Every ledger row of the reported accounts, in the order of the statement; rows without an instant last.
SELECT o.account, l.id, l.created_at, coalesce(l.type, '') AS type, coalesce(l.model, '') AS model,
    coalesce(l.meta ->> 'bucket', '') AS bucket, l.credits_delta::bigint AS credits, coalesce(l.ref_type, '') AS ref_type,
    coalesce(l.ref_id, '') AS ref_id,
    CASE WHEN l.type = 'purchase' AND l.meta ->> 'usd' ~ '^[0-9]{1,12}([.][0-9]+)?$'
        THEN trunc((l.meta ->> 'usd')::numeric * 1000000)::bigint END AS price_micros,
    coalesce(l.meta ->> 'reason', '') AS reason
FROM owner AS o
JOIN credit_ledger AS l ON l.user_id = o.user_id
ORDER BY o.account, l.created_at, l.id
