-- What became of the tasks of batches by customer and model, as the SLA report counts it: valid is good and all bad
-- ones.
SELECT coalesce(o.slug, '(none)') AS account, t.model,
    count(*) FILTER (WHERE t.outcome IN ('good', 'late', 'failed', 'timed_out', 'cancelled_late', 'in_flight_over'))
        AS valid,
    count(*) FILTER (WHERE t.outcome = 'late') AS late,
    count(*) FILTER (WHERE t.outcome = 'failed') AS failed,
    count(*) FILTER (WHERE t.outcome = 'timed_out') AS timed_out,
    count(*) FILTER (WHERE t.outcome = 'cancelled_late') AS cancelled_late,
    count(*) FILTER (WHERE t.outcome = 'in_flight_over') AS in_flight_over,
    count(*) FILTER (WHERE t.outcome = 'input_refused') AS refused_inputs
FROM judged_task AS t
LEFT JOIN owner AS o ON o.account = t.account
WHERE t.is_judging
GROUP BY t.account, o.slug, t.model
ORDER BY t.account, t.model COLLATE "C"
