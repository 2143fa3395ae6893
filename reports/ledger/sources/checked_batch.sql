-- Every batch with what its tasks came to and what the ledger says of it, and every batch that only the ledger knows,
-- which has no id. It is worked out as it stands (OFFSET 0), so that each value is worked out once, however often it is
-- looked at.
SELECT b.id, coalesce(b.user_id, m.user_id) AS user_id, m.reference, m.first_id, coalesce(m.entries, 0) AS entries,
    b.request_id, b.created_at, coalesce(b.status, '') AS status,
    b.frozen_credits::bigint AS frozen, b.credits_spent, b.total_count, b.success_count,
    b.failed_count, s.is_settled, coalesce(t.tasks, 0) AS tasks, coalesce(t.open_tasks, 0) AS open_tasks,
    coalesce(t.succeeded, 0) AS succeeded, coalesce(t.failed, 0) AS failed, coalesce(t.delivered, 0) AS delivered,
    coalesce(t.cost, 0) AS cost,
    t.last_ended_at,
    coalesce(m.freezes, 0) AS freezes, coalesce(m.refunds, 0) AS refunds, coalesce(m.booked, 0) AS booked,
    coalesce(m.refunds, 0) + coalesce(m.booked, 0) AS returned, coalesce(m.returns, 0) AS returns,
    coalesce(m.booked_rows, 0) AS booked_rows,
    m.last_return_at, greatest(b.frozen_credits - coalesce(t.delivered, 0), 0)::bigint AS owed,
    -- Of a batch of several models none is to be taken for wrong.
    coalesce(t.first_model = t.last_model AND (m.first_model <> t.first_model OR m.last_model <> t.first_model), false)
        AS model_disagrees,
    coalesce(o.refund_deadline, make_interval(secs => :refund_deadline)) AS refund_deadline,
    coalesce(o.stuck_after, make_interval(hours => :stuck_after::int)) AS stuck_after
FROM (
    SELECT d.* FROM dated_batch AS d WHERE :only_user::uuid IS NULL OR d.user_id = :only_user::uuid
) AS b
FULL JOIN batch_total AS m ON m.user_id = b.user_id AND m.reference = b.id::text
CROSS JOIN LATERAL (
    SELECT coalesce(b.is_settled AND b.settled_at <= :snapshot_at::timestamptz, false) AS is_settled
) AS s
LEFT JOIN refund_terms AS o ON o.user_id = b.user_id AND b.created_at >= o.from_at AND b.created_at < o.until_at
LEFT JOIN task_total AS t ON t.batch_id = b.id
OFFSET 0
