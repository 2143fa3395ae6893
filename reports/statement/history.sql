-- The ledger rows before the month of the accounts that need every one of them: where amounts come from the purchases, and where months were
-- closed. Only what they move: "what" is 1 for a refund, 2 for a purchase, 3 for a freeze, else 0; 4 more for bonus credit, 8 more for a row that
-- stands for those of a month. entries.sql has the words.
SELECT o.account, l.id, l.created_at, l.credits_delta::bigint AS credits,
    CASE WHEN l.credits_delta > 0 AND l.ref_type = 'batch_refund' THEN 1 WHEN l.credits_delta > 0 AND l.type = 'purchase' THEN 2
        WHEN l.credits_delta < 0 AND l.ref_type = 'batch_upfront' THEN 3 ELSE 0 END
    + CASE coalesce(l.meta ->> 'bucket', '')
        WHEN '' THEN CASE WHEN l.type = 'bonus_grant' OR (l.type = 'adjust' AND l.ref_type = 'bonus_expiry') THEN 4 ELSE 0 END
        WHEN 'bonus' THEN 4 ELSE 0 END
    + CASE WHEN l.ref_type = 'carried_forward' THEN 8 ELSE 0 END AS what,
    CASE WHEN l.ref_type IN ('batch_upfront', 'batch_refund') THEN l.ref_id END AS batch_id,
    CASE WHEN l.ref_type IN ('batch_upfront', 'batch_refund') THEN l.model END AS model,
    CASE WHEN l.type = 'purchase' AND l.meta ->> 'usd' ~ '^[0-9]{1,12}([.][0-9]+)?$'
        THEN trunc((l.meta ->> 'usd')::numeric * 1000000)::bigint END AS price_micros
FROM owner AS o
JOIN credit_ledger AS l ON l.user_id = o.user_id
WHERE o.needs_history AND l.created_at < o.starts_at
ORDER BY o.account, l.created_at, l.id
