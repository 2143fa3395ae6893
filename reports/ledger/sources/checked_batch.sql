-- Every batch with what its tasks came to and what the ledger says of it.
SELECT b.id, b.user_id, b.request_id, b.created_at, coalesce(b.status, '') AS status,
    b.frozen_credits::bigint AS frozen, b.credits_spent, b.total_count, b.success_count,
    b.failed_count, s.is_settled, coalesce(t.tasks, 0) AS tasks, coalesce(t.open_tasks, 0) AS open_tasks,
    coalesce(t.succeeded, 0) AS succeeded, coalesce(t.failed, 0) AS failed, coalesce(t.delivered, 0) AS delivered,
    coalesce(t.cost, 0) AS cost,
    t.last_ended_at,
    coalesce(m.freezes, 0) AS freezes, coalesce(m.refunds, 0) AS refunds, coalesce(m.booked, 0) AS booked,
    coalesce(m.refunds, 0) + coalesce(m.booked, 0) AS returned, coalesce(m.returns, 0) AS returns,
    coalesce(m.booked_rows, 0) AS booked_rows,
    m.last_return_at, greatest(b.frozen_credits - coalesce(t.delivered, 0), 0)::bigint AS owed,
    coalesce(m.model_disagrees, false) AS model_disagrees,
    coalesce(o.refund_deadline, make_interval(secs => :refund_deadline)) AS refund_deadline,
    coalesce(o.stuck_after, make_interval(hours => :stuck_after::int)) AS stuck_after
FROM dated_batch AS b
CROSS JOIN LATERAL (
    SELECT coalesce(b.is_settled AND b.settled_at <= :snapshot_at::timestamptz, false) AS is_settled
) AS s
LEFT JOIN refund_terms AS o ON o.user_id = b.user_id AND b.created_at >= o.from_at AND b.created_at < o.until_at
LEFT JOIN (
    SELECT k.batch_id, count(*) AS tasks, count(*) FILTER (WHERE k.ended_at IS NULL) AS open_tasks,
        count(*) FILTER (WHERE k.status = 'succeeded') AS succeeded,
        count(*) FILTER (WHERE k.status = 'failed') AS failed,
        coalesce(sum(k.cost) FILTER (WHERE k.status = 'succeeded' AND k.ended_at IS NOT NULL), 0)::bigint AS delivered,
        coalesce(sum(k.cost), 0)::bigint AS cost, max(k.ended_at) AS last_ended_at
    FROM checked_task AS k
    WHERE k.has_batch
    GROUP BY k.batch_id
) AS t ON t.batch_id = b.id
LEFT JOIN (
    SELECT r.user_id, r.batch_reference, -sum(r.credits) FILTER (WHERE r.role = 'freeze') AS freezes,
        sum(r.credits) FILTER (WHERE r.role = 'refund') AS refunds,
        sum(r.credits) FILTER (WHERE r.role = 'purchase') AS booked,
        coalesce(sum(r.entries) FILTER (WHERE r.role <> 'freeze'), 0)::bigint AS returns,
        coalesce(sum(r.entries) FILTER (WHERE r.role = 'purchase'), 0)::bigint AS booked_rows,
        max(r.created_at) FILTER (WHERE r.role <> 'freeze') AS last_return_at,
        bool_or(r.role <> 'purchase' AND r.model <> d.model) AS model_disagrees
    FROM batch_row AS r
    LEFT JOIN (
        SELECT k.batch_id::text AS batch_id, min(k.model) AS model FROM checked_task AS k GROUP BY k.batch_id
            HAVING count(DISTINCT k.model) = 1
    ) AS d ON d.batch_id = r.batch_reference
    GROUP BY r.user_id, r.batch_reference
) AS m ON m.user_id = b.user_id AND m.batch_reference = b.id::text
WHERE :only_user::uuid IS NULL OR b.user_id = :only_user::uuid
