-- Ledger entries by month and type.
SELECT * FROM (
    SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, type, coalesce(ref_type, '') AS reference,
        count(*) AS entries,
        sum(credits_delta) AS credits
    FROM credit_ledger
    WHERE created_at >= :from_start AND created_at < :to_end
        AND (:account_user_id::uuid IS NULL OR user_id = :account_user_id::uuid)
    GROUP BY 1, 2, 3
) AS counted
ORDER BY month COLLATE "C", type COLLATE "C", reference COLLATE "C"
