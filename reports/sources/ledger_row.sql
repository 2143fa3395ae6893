-- Ledger rows with the credit that they moved, what a purchase cost in millionths of a dollar, and the batch that they
-- belong to or name.
--
-- bucket: an application says it of a freeze by use_bonus, of a single video by its reference and of an adjustment by
-- credit_type. price_micros: what the row says itself, else what was told of it, null where nobody says.
SELECT l.*,
    coalesce(nullif(l.meta ->> 'bucket', ''), CASE WHEN l.type = 'bonus_grant'
        OR (l.type = 'adjust' AND (l.ref_type = 'bonus_expiry' OR l.meta ->> 'credit_type' = 'bonus'))
        OR (l.type = 'spend' AND (l.ref_type = 'bonus_credits' OR l.meta ->> 'use_bonus' = 'true'))
        THEN 'bonus' ELSE 'permanent' END) AS bucket,
    CASE WHEN l.type = 'purchase' THEN coalesce(
        CASE WHEN l.meta ->> 'usd' ~ '^[0-9]{1,12}([.][0-9]+)?$'
            THEN trunc((l.meta ->> 'usd')::numeric * 1000000)::bigint END, (p.usd * 1000000)::bigint) END
        AS price_micros,
    CASE WHEN l.ref_type IN ('batch_upfront', 'batch_refund') THEN l.ref_id
        WHEN l.type = 'purchase' THEN coalesce(l.meta ->> 'batch_id', l.ref_id) END AS batch_reference,
    CASE WHEN l.ref_type = 'batch_upfront' THEN 'freeze' WHEN l.ref_type = 'batch_refund' THEN 'refund'
        WHEN l.type = 'purchase' THEN 'purchase' END AS role
FROM credit_ledger AS l
LEFT JOIN ledger_price AS p ON p.user_id = l.user_id AND p.entry_id = l.id
