-- The tasks of one batch with what each cost.
SELECT t.id::text AS task_id, t.batch_index::bigint AS batch_index, t.model, coalesce(t.status, '') AS status,
    coalesce(t.failure_type, t.failure_reason, '') AS failure, coalesce(f.cost_credits, b.cost_per_video::bigint, 0) AS cost,
    coalesce(t.completed_at, f.terminal_at, t.updated_at) AS ended_at
FROM batch_jobs AS b
JOIN named_task AS t ON t.batch_job_id = b.id
LEFT JOIN task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
WHERE b.id::text = :batch_id AND b.user_id = :user_id::uuid
ORDER BY t.batch_index NULLS FIRST, t.id
