-- Ended tasks that were created in the month. A task without a model is of the default model of the newest standard profile. An input is
-- refused by the same rule as in the SLA report, whatever else its failure is called.
SELECT coalesce(nullif(t.model, ''), p.default_model, 'sora-2') AS model, t.status, t.created_at, t.failure_type, t.failure_reason,
    t.status = 'failed' AND coalesce(t.failure_reason = 'input_moderation' OR t.failure_type = 'param_error', false) AS is_refused
FROM video_tasks AS t
LEFT JOIN (
    SELECT document::jsonb ->> 'default_model' AS default_model FROM contract_profile WHERE name = 'standard' ORDER BY version DESC LIMIT 1
) AS p ON true
WHERE t.status IN ('succeeded', 'failed') AND t.created_at >= :month_start AND t.created_at < :month_end
    AND (:account_user_id::uuid IS NULL OR t.user_id = :account_user_id::uuid)
