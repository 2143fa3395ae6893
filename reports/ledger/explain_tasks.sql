-- The tasks of one batch with what each cost.
SELECT t.id::text AS task_id, t.batch_index::bigint AS batch_index, t.model, coalesce(t.status, '') AS status,
    coalesce(t.failure_type, t.failure_reason, '') AS failure, t.cost, t.ended_at
FROM batch_jobs AS b
JOIN named_task AS t ON t.batch_job_id = b.id
WHERE b.id::text = :batch_id AND b.user_id = :user_id::uuid
ORDER BY t.batch_index NULLS FIRST, t.id
