-- Every batch of a period with what it owes, what was given back, and the class of its refund. class is null where
-- nothing is owed. charge says what is wrong with what it was charged, one finding per batch: more was delivered than
-- paid for, a settled one was not charged what it delivered, or one that has begun was not frozen for all of its tasks.
SELECT b.period, b.cutoff, b.id, b.user_id, b.account, b.request_id, b.frozen, b.created_at, b.webhook_url,
    b.webhook_status, s.is_settled,
    s.is_settled AND b.completed_at IS NULL AS is_settlement_estimated,
    coalesce(w.tasks, 0) > 0 AND b.status IS DISTINCT FROM 'queued' AS has_begun,
    coalesce(w.tasks, 0) AS tasks, coalesce(w.open_tasks, 0) AS open_tasks, coalesce(w.cost, 0) AS cost,
    coalesce(w.delivered, 0) AS delivered, w.last_terminal_at,
    coalesce(m.freeze_rows, 0) AS freeze_rows, coalesce(m.refunded, 0) AS refunded,
    o.owed, r.stuck_after,
    CASE WHEN w.open_tasks = 0 AND isfinite(m.last_refund_at) AND isfinite(w.last_terminal_at)
        THEN (extract(epoch FROM m.last_refund_at - w.last_terminal_at) * 1000000)::bigint END AS refund_microseconds,
    CASE
        WHEN w.batch_id IS NULL THEN NULL
        WHEN w.open_tasks > 0 THEN CASE WHEN b.cutoff > b.created_at + r.stuck_after THEN 'stuck' ELSE 'pending' END
        WHEN coalesce(m.refunded, 0) > o.owed THEN 'over_refunded'
        WHEN o.owed = 0 THEN NULL
        WHEN coalesce(m.refunded, 0) < o.owed AND b.cutoff <= w.last_terminal_at + r.refund_deadline THEN 'pending'
        WHEN coalesce(m.refunded, 0) <= 0 THEN 'missing'
        WHEN m.refunded < o.owed THEN 'partial'
        WHEN m.last_refund_at <= w.last_terminal_at + r.refund_deadline THEN 'on_time'
        ELSE 'late'
    END AS class,
    CASE
        WHEN coalesce(w.delivered, 0) > coalesce(m.freeze_rows, 0) - coalesce(m.refunded, 0) THEN 'delivered_unpaid'
        WHEN s.is_settled AND coalesce(w.delivered, 0) < coalesce(m.freeze_rows, 0) - coalesce(m.refunded, 0)
            THEN 'charge_differs'
        WHEN b.status IS DISTINCT FROM 'queued' AND coalesce(m.freeze_rows, 0) < w.cost THEN 'freeze_short'
    END AS charge
FROM period_batch AS b
LEFT JOIN profile AS r ON r.profile = b.profile
LEFT JOIN batch_work AS w ON w.batch_id = b.id AND (w.account IS NULL OR w.account = b.account)
    /* divided: AND w.user_id = b.user_id */
LEFT JOIN batch_money AS m ON m.batch_id = b.id /* divided: AND m.user_id = b.user_id */
LEFT JOIN estimated_settlement AS q ON q.user_id = b.user_id AND q.batch_id = b.id
CROSS JOIN LATERAL (
    SELECT coalesce(b.is_settled AND coalesce(b.completed_at, q.settled_at) <= b.cutoff, false) AS is_settled
) AS s
CROSS JOIN LATERAL (SELECT greatest(b.frozen - coalesce(w.delivered, 0), 0) AS owed) AS o
