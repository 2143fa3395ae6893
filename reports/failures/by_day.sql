-- Ended tasks by the UTC day on which their clock began, and cause.
SELECT (started_at AT TIME ZONE 'UTC')::date::text AS day, count(*) AS ended,
    count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'timeout' AND outcome <> 'input_refused') AS timeouts,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'model_error' AND outcome <> 'input_refused')
        AS model_errors,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'network' AND outcome <> 'input_refused')
        AS network_errors,
    count(*) FILTER (WHERE outcome = 'input_refused') AS refused_inputs,
    count(*) FILTER (WHERE outcome = 'late') AS late
FROM ended_task
GROUP BY 1
ORDER BY 1
