-- The tasks that belong to a batch, with the instants that count.
SELECT t.id, t.user_id, t.batch_job_id AS batch_id, t.batch_index, nullif(t.model, '') AS model,
    coalesce(t.status, '') AS status, t.failure_type, t.failure_reason,
    coalesce(o.account, 0) AS account,
    t.created_at AS accepted_at, coalesce(t.dispatched_at, t.created_at) AS dispatched_at,
    t.has_ended, CASE WHEN t.has_ended THEN t.ended_at END AS terminal_at, t.is_estimated,
    CASE WHEN t.status = 'failed' THEN t.cancelled_at END AS cancelled_at,
    t.cost
FROM dated_task AS t
LEFT JOIN owner AS o ON o.user_id = t.user_id
WHERE t.has_batch AND (:only_user::uuid IS NULL OR t.user_id = :only_user::uuid)
