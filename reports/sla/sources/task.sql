-- The tasks that belong to a batch, with the instants that count. The terminal instant is completed_at, else what Daybook captured, else
-- updated_at, and only then estimated.
SELECT t.id, t.user_id, t.batch_job_id AS batch_id, t.batch_index, nullif(t.model, '') AS model,
    coalesce(t.status, '') AS status, t.failure_type, t.failure_reason,
    coalesce(o.account, 0) AS account,
    t.created_at AS accepted_at, coalesce(f.dispatched_at, t.created_at) AS dispatched_at,
    CASE WHEN t.status IN ('succeeded', 'failed') THEN coalesce(t.completed_at, f.terminal_at, t.updated_at) END AS terminal_at,
    t.completed_at IS NULL AND (f.terminal_at IS NULL OR f.terminal_estimated) AS is_estimated,
    CASE WHEN t.status = 'failed' THEN f.cancelled_at END AS cancelled_at,
    coalesce(f.cost_credits, b.cost_per_video::bigint, 0) AS cost
FROM video_tasks AS t
JOIN batch_jobs AS b ON b.id = t.batch_job_id
LEFT JOIN task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
LEFT JOIN owner AS o ON o.user_id = t.user_id
WHERE :only_user::uuid IS NULL OR t.user_id = :only_user::uuid
