-- The tasks that a figure of the months can be about, where indexes find them: stands in for every_task, so that years
-- of history are not read for one month. Those that were created in the months, those that do not say when they were
-- created, and of the others the ones that a batch of the months has or that were handed over in them.
SELECT d.* FROM dated_task AS d
WHERE d.created_at >= (:period_starts::timestamptz[])[1]
    AND d.created_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])]
UNION ALL
SELECT d.* FROM dated_task AS d WHERE d.created_at IS NULL
UNION ALL
-- Batch by batch (OFFSET 0): the planner takes it that a batch has tasks of all times.
SELECT e.*
FROM (
    SELECT DISTINCT b.id FROM batch_jobs AS b
    WHERE b.created_at >= (:period_starts::timestamptz[])[1]
        AND b.created_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])]
) AS m
CROSS JOIN LATERAL (
    SELECT d.* FROM dated_task AS d
    WHERE d.batch_job_id = m.id AND (d.created_at < (:period_starts::timestamptz[])[1]
        OR d.created_at >= (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])])
    OFFSET 0
) AS e
UNION ALL
SELECT e.*
FROM (
    SELECT f.user_id, f.task_id FROM task_fact AS f
    WHERE f.dispatched_at >= (:period_starts::timestamptz[])[1]
        AND f.dispatched_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])]
        AND NOT EXISTS (
            SELECT 1 FROM video_tasks AS v
            WHERE v.user_id = f.user_id AND v.id = f.task_id
                AND v.created_at >= (:period_starts::timestamptz[])[1]
                AND v.created_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])])
) AS m
CROSS JOIN LATERAL (
    SELECT d.* FROM dated_task AS d
    WHERE d.user_id = m.user_id AND d.id = m.task_id AND d.created_at IS NOT NULL
    OFFSET 0
) AS e
WHERE (e.batch_created_at >= (:period_starts::timestamptz[])[1]
    AND e.batch_created_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])]) IS NOT TRUE
