-- Ended tasks by UTC day and cause.
SELECT (created_at AT TIME ZONE 'UTC')::date::text AS day, count(*) AS ended,
    count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'timeout' AND NOT is_refused) AS timeouts,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'model_error' AND NOT is_refused) AS model_errors,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'network' AND NOT is_refused) AS network_errors,
    count(*) FILTER (WHERE is_refused) AS refused_inputs
FROM ended_task
GROUP BY 1
ORDER BY 1
