-- Ended tasks by UTC day and cause.
SELECT (created_at AT TIME ZONE 'UTC')::date::text AS day, count(*) AS ended,
    count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'timeout') AS timeouts,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'model_error') AS model_errors,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'network') AS network_errors,
    count(*) FILTER (WHERE status = 'failed' AND failure_type = 'param_error') AS refused_inputs
FROM video_tasks
WHERE status IN ('succeeded', 'failed') AND created_at >= :month_start AND created_at < :month_end
    AND (:account_user_id::uuid IS NULL OR user_id = :account_user_id::uuid)
GROUP BY 1
ORDER BY 1
