-- Credits by month and model. A batch of several models is listed under all their names.
SELECT * FROM (
    SELECT to_char(l.created_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, coalesce(m.model, '(no batch)') AS model,
        -sum(l.credits_delta) FILTER (WHERE l.ref_type = 'batch_upfront') AS frozen,
        coalesce(sum(l.credits_delta) FILTER (WHERE l.ref_type = 'batch_refund'), 0) AS refunded,
        -sum(l.credits_delta) AS spent
    FROM credit_ledger AS l
    LEFT JOIN (
        SELECT batch_job_id::text AS batch_id, string_agg(DISTINCT model, ' + ' ORDER BY model) AS model
        FROM named_task
        GROUP BY batch_job_id
    ) AS m ON m.batch_id = l.ref_id
    WHERE l.ref_type IN ('batch_upfront', 'batch_refund') AND l.created_at >= :from_start AND l.created_at < :to_end
        AND (:account_user_id::uuid IS NULL OR l.user_id = :account_user_id::uuid)
    GROUP BY 1, 2
) AS counted
ORDER BY month COLLATE "C", model COLLATE "C"
