-- Tasks with the instant at which they ended, null while they are open at the snapshot.
SELECT t.id, t.user_id, t.batch_job_id AS batch_id, t.model, coalesce(t.status, '') AS status, t.created_at,
    t.has_batch, t.cost,
    CASE WHEN t.has_ended AND t.ended_at <= :snapshot_at::timestamptz THEN t.ended_at END AS ended_at
FROM named_task AS t
