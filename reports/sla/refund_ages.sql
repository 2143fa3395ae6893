-- Refunds of the month by how long they took after the batch's last task, in steps of a tenth of the standard deadline:
-- those that came at all, by account. What took longer than thirty steps is counted together.
SELECT account, class, least(r.step, 31) AS step, count(*) AS batches
FROM judged_batch AS b
CROSS JOIN LATERAL (
    SELECT greatest(ceil(b.refund_microseconds / (:refund_step_microseconds::bigint)::numeric), 1)::bigint AS step
) AS r
WHERE b.class IN ('on_time', 'late', 'partial', 'over_refunded') AND b.refund_microseconds IS NOT NULL
GROUP BY account, class, least(r.step, 31)
ORDER BY account, class COLLATE "C", step
