-- Tasks that a figure of the months can be about, with the instants that count, with the terms of their owner, and with
-- whether they belong to a batch.
--
-- All tasks, where no index finds fewer. Where one does, those that were created in the months, those that do not say
-- when they were created, and of the others the ones that a batch of the months has or that were handed over in them:
-- years of history are not read for one month.
SELECT t.id, t.user_id, t.batch_job_id AS batch_id, t.batch_index, nullif(t.model, '') AS model,
    coalesce(t.status, '') AS status, t.failure_type, t.failure_reason,
    coalesce(o.account, 0) AS account, o.from_at, o.profiles, o.only_profile,
    t.created_at AS accepted_at, coalesce(t.dispatched_at, t.created_at) AS dispatched_at,
    t.has_ended, CASE WHEN t.has_ended THEN t.ended_at END AS terminal_at, t.is_estimated,
    CASE WHEN t.status = 'failed' THEN t.cancelled_at END AS cancelled_at,
    t.cost, t.has_batch, t.batch_created_at
FROM (
    SELECT d.* FROM dated_task AS d WHERE NOT :finds_months::boolean
    UNION ALL
    SELECT d.* FROM dated_task AS d
    WHERE :finds_months::boolean AND d.created_at >= (:period_starts::timestamptz[])[1]
        AND d.created_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])]
    UNION ALL
    SELECT d.* FROM dated_task AS d WHERE :finds_months::boolean AND d.created_at IS NULL
    UNION ALL
    -- Batch by batch (OFFSET 0): the planner takes it that a batch has tasks of all times.
    SELECT e.*
    FROM (
        SELECT DISTINCT b.id FROM batch_jobs AS b
        WHERE :finds_months::boolean AND b.created_at >= (:period_starts::timestamptz[])[1]
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
        WHERE :finds_months::boolean AND f.dispatched_at >= (:period_starts::timestamptz[])[1]
            AND f.dispatched_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])]
            AND NOT EXISTS (
                SELECT FROM video_tasks AS v
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
) AS t
LEFT JOIN owner_stretch AS o ON o.user_id = t.user_id
-- One reader of several has the customers whose hash leaves its number; as a CASE that stays one, of which the planner
-- expects half of the rows.
WHERE (:only_user::uuid IS NULL OR t.user_id = :only_user::uuid)
    AND (:reader_parts::bigint = 1
        OR CASE WHEN abs(coalesce(uuid_hash(t.user_id), 0)::bigint) % :reader_parts::bigint = :reader_part::bigint
            THEN true ELSE false END)
