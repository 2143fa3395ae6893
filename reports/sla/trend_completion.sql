-- Completion of past months by model: good and valid ones on the clock that judges; of each account where owners are
-- judged apart.
SELECT period, CASE WHEN :owners_apart::boolean THEN account END AS whose, model,
    count(*) FILTER (WHERE outcome = 'good') AS good,
    count(*) FILTER (
        WHERE outcome IN ('good', 'late', 'failed', 'timed_out', 'cancelled_late', 'in_flight_over')
    ) AS valid
FROM judged_task
WHERE is_judging
GROUP BY period, whose, model
ORDER BY period, whose, model COLLATE "C"
