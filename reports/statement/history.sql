-- The ledger rows before the month of the accounts that need every one of them: where amounts come from the purchases,
-- and where months were closed. Only what they move: "what" is 1 for a refund, 2 for a freeze, 3 for a row of a single
-- video, else 0; 4 more for bonus credit, 8 more for a row that stands for those of a month, 16 more for a purchase.
SELECT o.account, e.id, e.created_at, e.credits,
    CASE e.ref_type WHEN 'batch_refund' THEN 1 WHEN 'batch_upfront' THEN 2 WHEN 'carried_forward' THEN 8
        ELSE CASE WHEN e.type = 'spend' OR (e.type = 'refund' AND e.ref_id <> '') THEN 3 ELSE 0 END END
    + CASE e.bucket WHEN 'bonus' THEN 4 ELSE 0 END
    + CASE e.type WHEN 'purchase' THEN 16 ELSE 0 END AS what,
    CASE WHEN e.ref_type IN ('batch_upfront', 'batch_refund') THEN e.ref_id
        WHEN e.type IN ('spend', 'refund') THEN nullif(e.ref_id, '') END AS batch_id,
    CASE WHEN e.ref_type IN ('batch_upfront', 'batch_refund')
        OR e.type IN ('spend', 'refund') THEN e.model END AS model, e.price_micros
FROM stated_owner AS o
JOIN listed_entry AS e ON e.user_id = o.user_id
WHERE o.needs_history AND e.created_at < o.starts_at
ORDER BY o.account, e.created_at, e.id
