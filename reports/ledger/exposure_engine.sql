-- Where the credit is that the engine's open batches hold: by the state of their tasks, each unknown one by itself. Of
-- tasks that ended without success, what has not come back: the last that ended are the last to be refunded.
WITH held AS (
    SELECT b.user_id, b.batch_id, b.refunded, t.task_id, t.state, t.cost::bigint AS cost, t.ended_at, s.remark,
        CASE t.state WHEN 'ready' THEN t.created_at WHEN 'accepted' THEN t.accepted_at
            WHEN 'succeeded' THEN t.ended_at ELSE s.intent_at END AS since,
        CASE t.state WHEN 'ready' THEN t.expires_at
            WHEN 'intent' THEN s.intent_at + make_interval(secs => g.deadline_seconds + :unknown_margin::bigint)
            WHEN 'succeeded' THEN NULL ELSE t.deadline_at END AS ends_by
    FROM daybook.batch AS b
    JOIN daybook.task AS t ON t.user_id = b.user_id AND t.batch_id = b.batch_id
    LEFT JOIN daybook.model_gate AS g ON g.model = t.model
    LEFT JOIN daybook.submission AS s ON s.user_id = t.user_id AND s.task_id = t.task_id
        AND s.outcome IN ('intent', 'unknown')
    WHERE b.owner = 'engine' AND b.settled_at IS NULL AND (:only_user::uuid IS NULL OR b.user_id = :only_user::uuid)
), unsuccessful AS (
    SELECT h.*, sum(h.cost) OVER (PARTITION BY h.user_id, h.batch_id ORDER BY h.ended_at DESC, h.task_id) AS running,
        sum(h.cost) OVER (PARTITION BY h.user_id, h.batch_id) - h.refunded AS due
    FROM held AS h
    WHERE h.state IN ('failed', 'timed_out', 'cancelled')
), placed AS (
    SELECT h.user_id, h.batch_id, CASE WHEN h.state = 'unknown' THEN h.task_id END AS task_id,
        CASE h.state WHEN 'succeeded' THEN 'delivered' ELSE h.state END AS state, count(*) AS tasks,
        sum(h.cost)::bigint AS credits, min(h.since) AS since, min(h.ends_by) AS ends_by, max(h.remark) AS remark
    FROM held AS h
    WHERE h.state IN ('ready', 'intent', 'unknown', 'accepted', 'succeeded')
    GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT u.user_id, u.batch_id, NULL, 'awaiting_refund', count(*), max(u.due)::bigint, min(u.ended_at), NULL, NULL
    FROM unsuccessful AS u
    WHERE u.due > 0 AND u.running - u.cost < u.due
    GROUP BY u.user_id, u.batch_id
)
SELECT p.user_id::text AS user_id, p.batch_id::text AS batch_id, p.task_id::text AS task_id, p.state, p.tasks,
    p.credits, p.since, p.ends_by, coalesce(p.remark, '') AS remark,
    bool_or(p.ends_by IS NOT NULL) OVER (PARTITION BY p.user_id, p.batch_id) AS has_live_task
FROM placed AS p
ORDER BY p.user_id, p.batch_id, p.state, p.since, p.task_id
