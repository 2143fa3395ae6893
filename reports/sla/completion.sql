-- Completion by model, for everybody and by account: counts of each outcome, and nearest-rank percentiles in
-- microseconds over the valid tasks, where one that never succeeded is infinite (the greatest bigint).
--
-- Percentiles of everybody are of everybody's tasks: where these are on several servers, they come here for it. The
-- report itself counts month_tasks instead.
WITH judged AS /* divided: MATERIALIZED */ (
    SELECT period, clock, account, model, outcome, is_judging,
        CASE
            WHEN outcome IN ('good', 'late') THEN microseconds
            WHEN outcome IN ('failed', 'timed_out', 'cancelled_late', 'in_flight_over') THEN 9223372036854775807
        END AS valid_microseconds
    FROM judged_task
)
SELECT period, clock, account, model,
    count(*) FILTER (WHERE outcome = 'good') AS good,
    count(*) FILTER (WHERE outcome = 'late') AS late,
    count(*) FILTER (WHERE outcome = 'failed') AS failed,
    count(*) FILTER (WHERE outcome = 'timed_out') AS timed_out,
    count(*) FILTER (WHERE outcome = 'cancelled_late') AS cancelled_late,
    count(*) FILTER (WHERE outcome = 'in_flight_over') AS in_flight_over,
    count(*) FILTER (WHERE outcome IN ('clock_error', 'input_refused', 'cancelled', 'provider_outage')) AS excluded,
    count(*) FILTER (WHERE outcome = 'undetermined') AS undetermined,
    count(*) FILTER (WHERE is_judging) AS judged,
    percentile_disc(ARRAY[0.5, 0.9, 0.95, 0.99, 1.0]) WITHIN GROUP (ORDER BY valid_microseconds) AS percentiles
FROM judged
GROUP BY GROUPING SETS ((period, clock, account, model), (period, clock, model))
ORDER BY period, clock, GROUPING(account) DESC, account, model COLLATE "C"
