-- Tasks with the instant at which they ended, null while they are open at the snapshot.
SELECT t.id, t.user_id, t.batch_job_id AS batch_id, t.model, coalesce(t.status, '') AS status, t.created_at,
    f.cost_credits,
    CASE WHEN t.status IN ('succeeded', 'failed') AND coalesce(t.completed_at, f.terminal_at, t.updated_at) <= :snapshot_at::timestamptz
        THEN coalesce(t.completed_at, f.terminal_at, t.updated_at) END AS ended_at
FROM named_task AS t
LEFT JOIN task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
