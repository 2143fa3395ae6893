-- Tasks of the batches and single videos that a bill or its month is about, with whether the customer paid for each, or
-- got it back, by the ledger. What a batch paid is for its first videos that succeeded, what came back for its first
-- that did not: where it is too little, the last ones go without.
WITH wanted AS (
    SELECT t.id, t.batch_job_id
    FROM named_task AS t
    WHERE t.id IN (SELECT p.task_id FROM provider_task AS p)
        OR (t.has_ended AND t.ended_at >= :month_start::timestamptz AND t.ended_at < :month_end::timestamptz)
), booked AS (
    SELECT r.user_id, r.batch_reference, coalesce(-sum(r.credits) FILTER (WHERE r.role = 'freeze'), 0) AS frozen,
        coalesce(sum(r.credits) FILTER (WHERE r.role <> 'freeze'), 0) AS returned
    FROM batch_row AS r
    GROUP BY r.user_id, r.batch_reference
), single AS (
    SELECT k.user_id, k.ref_id, -sum(k.credits_delta) AS kept
    FROM (
        SELECT s.user_id, s.ref_id, s.credits_delta FROM single_spend AS s
        UNION ALL
        SELECT r.user_id, r.ref_id, r.credits_delta FROM single_return AS r
    ) AS k
    GROUP BY k.user_id, k.ref_id
), counted AS (
    SELECT t.id, t.user_id, t.batch_job_id, t.model, t.cost, t.status, t.has_ended, t.ended_at,
        CASE WHEN t.has_batch THEN b.is_settled IS TRUE ELSE true END AS is_settled, t.has_batch,
        sum(t.cost) FILTER (WHERE t.status = 'succeeded') OVER w AS delivered,
        sum(t.cost) FILTER (WHERE t.has_ended AND t.status <> 'succeeded') OVER w AS owed
    FROM named_task AS t
    LEFT JOIN batch_state AS b ON b.user_id = t.user_id AND b.id = t.batch_job_id
    WHERE t.batch_job_id IN (SELECT x.batch_job_id FROM wanted AS x) OR t.id IN (SELECT x.id FROM wanted AS x)
    WINDOW w AS (PARTITION BY t.user_id, t.batch_job_id ORDER BY t.batch_index NULLS FIRST, t.id)
)
SELECT c.id, c.user_id, c.batch_job_id, c.model, c.cost, c.status, c.has_ended, c.ended_at, c.is_settled,
    CASE WHEN c.has_batch THEN coalesce(c.delivered <= k.frozen - k.returned, false)
        ELSE coalesce(s.kept > 0, false) END AS is_paid,
    CASE WHEN c.has_batch THEN coalesce(c.owed <= k.returned OR k.frozen IS NULL, true)
        ELSE coalesce(s.kept <= 0, true) END AS is_returned
FROM counted AS c
LEFT JOIN booked AS k ON k.user_id = c.user_id AND k.batch_reference = c.batch_job_id::text
LEFT JOIN single AS s ON s.user_id = c.user_id AND s.ref_id = c.id::text AND NOT c.has_batch
WHERE c.id IN (SELECT x.id FROM wanted AS x)
