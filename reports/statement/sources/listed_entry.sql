-- A ledger row as a statement lists it.
SELECT l.user_id, l.id, l.created_at, coalesce(l.type, '') AS type, coalesce(l.model, '') AS model,
    l.bucket, l.credits_delta::bigint AS credits, coalesce(l.ref_type, '') AS ref_type,
    coalesce(l.ref_id, '') AS ref_id, l.price_micros,
    CASE WHEN l.type IN ('purchase', 'bonus_grant', 'spend', 'refund') THEN ''
        ELSE coalesce(l.meta ->> 'reason', '') END AS reason
FROM ledger_row AS l
