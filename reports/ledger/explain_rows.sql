-- Every ledger row of one owner in order, with the model of its batch's tasks where there is one.
SELECT l.id, l.created_at, coalesce(l.type, '') AS type, coalesce(m.model, l.model, '') AS model,
    l.bucket, l.credits_delta::bigint AS credits, coalesce(l.ref_type, '') AS ref_type,
    coalesce(l.ref_id, '') AS ref_id,
    l.price_micros,
    coalesce(l.meta ->> 'reason', '') AS reason
FROM ledger_row AS l
LEFT JOIN (
    SELECT t.batch_job_id::text AS batch_id, min(t.model) AS model
    FROM batch_jobs AS b
    JOIN named_task AS t ON t.batch_job_id = b.id
    WHERE b.user_id = :user_id::uuid
    GROUP BY t.batch_job_id HAVING count(DISTINCT t.model) = 1
) AS m ON m.batch_id = l.ref_id AND l.ref_type IN ('batch_upfront', 'batch_refund')
WHERE l.user_id = :user_id::uuid AND l.created_at IS NOT NULL
ORDER BY l.created_at, l.id
