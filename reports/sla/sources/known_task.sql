-- Tasks with the instants that count, with the terms of their owner, and with whether they belong to a batch.
SELECT t.id, t.user_id, t.batch_job_id AS batch_id, t.batch_index, nullif(t.model, '') AS model,
    coalesce(t.status, '') AS status, t.failure_type, t.failure_reason,
    coalesce(o.account, 0) AS account, o.from_at, o.profiles, o.only_profile,
    t.created_at AS accepted_at, coalesce(t.dispatched_at, t.created_at) AS dispatched_at,
    t.has_ended, CASE WHEN t.has_ended THEN t.ended_at END AS terminal_at, t.is_estimated,
    CASE WHEN t.status = 'failed' THEN t.cancelled_at END AS cancelled_at,
    t.cost, t.has_batch, t.batch_created_at
FROM every_task AS t
LEFT JOIN owner_stretch AS o ON o.user_id = t.user_id
-- One reader of several has the customers whose hash leaves its number; as a CASE that stays one, of which the planner
-- expects half of the rows.
WHERE (:only_users::uuid[] IS NULL OR t.user_id = ANY (:only_users::uuid[]))
    AND (:reader_parts::bigint = 1
        OR CASE WHEN abs(coalesce(uuid_hash(t.user_id), 0)::bigint) % :reader_parts::bigint = :reader_part::bigint
            THEN true ELSE false END)
