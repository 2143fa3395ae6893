-- Tasks with whether they have ended, and the instant of their end, which counts where they have: what they say
-- themselves, else what was captured, else their last change, which is an estimate. With what each costs in credits,
-- and whether it is of a batch that is there, with when that was created.
SELECT t.*, f.dispatched_at, f.cancelled_at, f.cost_credits, t.status IN ('succeeded', 'failed') AS has_ended,
    coalesce(t.completed_at, f.terminal_at, t.updated_at) AS ended_at,
    t.completed_at IS NULL AND (f.terminal_at IS NULL OR f.terminal_estimated) AS is_estimated,
    coalesce(f.cost_credits, b.cost_per_video::bigint, 0) AS cost, b.id IS NOT NULL AS has_batch,
    b.created_at AS batch_created_at
FROM video_tasks AS t
LEFT JOIN batch_jobs AS b ON b.id = t.batch_job_id /* divided: AND b.user_id = t.user_id */
LEFT JOIN task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
