-- Completion of past months by model: good and valid ones on the clock that judges.
SELECT period, model,
    count(*) FILTER (WHERE outcome = 'good') AS good,
    count(*) FILTER (
        WHERE outcome IN ('good', 'late', 'failed', 'timed_out', 'cancelled_late', 'in_flight_over')
    ) AS valid
FROM judged_task
WHERE is_judging
GROUP BY period, model
ORDER BY period, model COLLATE "C"
