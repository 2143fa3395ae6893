-- What a reference may mean: a batch, a task or a ledger row. The first that fits counts.
SELECT f.kind, f.user_id, f.batch_id, f.id
FROM (
    SELECT 1 AS priority, 'batch' AS kind, b.user_id, b.id::text AS batch_id, b.id::text AS id
    FROM batch_jobs AS b WHERE b.id::text = :reference
    UNION ALL
    SELECT 2, 'task', t.user_id, t.batch_job_id::text, t.id::text
    FROM video_tasks AS t WHERE t.id::text = :reference
    UNION ALL
    SELECT 3, 'entry', l.user_id, CASE WHEN l.ref_type IN ('batch_upfront', 'batch_refund') THEN l.ref_id END,
        l.id::text
    FROM credit_ledger AS l WHERE l.id::text = :reference
    UNION ALL
    SELECT 4, 'entry', l.user_id, CASE WHEN l.ref_type IN ('batch_upfront', 'batch_refund') THEN l.ref_id END,
        l.id::text
    FROM credit_ledger AS l WHERE l.ref_id = :reference
) AS f
ORDER BY f.priority, f.id COLLATE "C"
LIMIT 1
