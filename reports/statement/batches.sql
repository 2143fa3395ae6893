-- The batches of every account with what their tasks came to, a row a model, counted from the tasks.
WITH reported AS MATERIALIZED (SELECT * FROM reported_batch)
SELECT b.account, b.id::text AS batch_id, coalesce(b.request_id, '') AS request_id, b.created_at, b.settled_at,
    coalesce(b.status, '') AS status, t.model, coalesce(t.items, 0) AS items, coalesce(t.succeeded, 0) AS succeeded,
    coalesce(t.failed, 0) AS failed, coalesce(t.delivered, 0) AS delivered, coalesce(t.succeeded_by_end, 0) AS succeeded_by_end,
    coalesce(t.failed_by_end, 0) AS failed_by_end
FROM reported AS b
LEFT JOIN (
    SELECT r.id, coalesce(v.model, '') AS model, count(*) AS items,
        count(*) FILTER (WHERE v.status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE v.status = 'failed') AS failed,
        coalesce(sum(coalesce(f.cost_credits, r.cost_per_video::bigint, 0)) FILTER (WHERE v.status = 'succeeded'), 0)::bigint AS delivered,
        count(*) FILTER (
            WHERE v.status = 'succeeded' AND coalesce(v.completed_at, f.terminal_at, v.updated_at) < r.ends_at
        ) AS succeeded_by_end,
        count(*) FILTER (
            WHERE v.status = 'failed' AND coalesce(v.completed_at, f.terminal_at, v.updated_at) < r.ends_at
        ) AS failed_by_end
    FROM reported AS r
    JOIN video_tasks AS v ON v.batch_job_id = r.id
    LEFT JOIN task_fact AS f ON f.user_id = v.user_id AND f.task_id = v.id
    GROUP BY r.id, coalesce(v.model, '')
) AS t ON t.id = b.id
ORDER BY b.account, b.id, t.model COLLATE "C" NULLS FIRST
