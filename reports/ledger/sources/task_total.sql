-- What the tasks of each batch that is there came to: one pass over them. The models as batch_total has them.
SELECT k.batch_id, count(*) AS tasks, count(*) FILTER (WHERE k.ended_at IS NULL) AS open_tasks,
    count(*) FILTER (WHERE k.status = 'succeeded') AS succeeded, count(*) FILTER (WHERE k.status = 'failed') AS failed,
    coalesce(sum(k.cost) FILTER (WHERE k.status = 'succeeded' AND k.ended_at IS NOT NULL), 0)::bigint AS delivered,
    coalesce(sum(k.cost), 0)::bigint AS cost, max(k.ended_at) AS last_ended_at,
    min(k.model COLLATE "C") AS first_model, max(k.model COLLATE "C") AS last_model
FROM checked_task AS k
WHERE k.has_batch
GROUP BY k.batch_id
