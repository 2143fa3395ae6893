-- Ended tasks of the month with what became of them: those of batches as the SLA report judges them, and the videos
-- that were bought one by one, for which no limit is promised.
SELECT 'batch' AS source, t.model, t.status, t.failure_type, t.failure_reason, t.outcome, t.started_at
FROM judged_task AS t
WHERE t.is_judging AND t.is_terminal
UNION ALL
SELECT 'single', coalesce(nullif(v.model, ''), r.default_model), v.status, v.failure_type, v.failure_reason,
    CASE
        WHEN v.status = 'succeeded' THEN 'good'
        WHEN r.input_refused AND (v.failure_reason = 'input_moderation' OR v.failure_type = 'param_error')
            THEN 'input_refused'
        WHEN v.failure_type = 'timeout' THEN 'timed_out'
        ELSE 'failed'
    END,
    v.created_at
FROM dated_task AS v
JOIN period AS p ON v.created_at >= p.starts_at AND v.created_at < p.ends_at AND v.created_at <= p.cutoff
LEFT JOIN owner_terms AS m ON m.user_id = v.user_id AND v.created_at >= m.from_at AND v.created_at < m.until_at
JOIN profile AS r ON r.profile = coalesce(m.profile, 0)
WHERE v.has_ended AND v.ended_at <= p.cutoff
    AND NOT EXISTS (SELECT 1 FROM batch_jobs AS b WHERE b.id = v.batch_job_id /* divided: AND b.user_id = v.user_id */)
    AND (:only_users::uuid[] IS NULL OR v.user_id = ANY (:only_users::uuid[]))
