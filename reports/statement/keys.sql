-- With which API key each batch was made that may have been settled in the month: the first row of the request log that
-- names the batch says it.
SELECT DISTINCT ON (o.account, b.id) o.account, b.id::text AS batch_id, u.api_key_id::text AS key_id
FROM stated_owner AS o
JOIN batch_jobs AS b ON b.user_id = o.user_id
JOIN enterprise_api_usage AS u ON u.batch_job_id = b.id
WHERE b.created_at < o.ends_at AND (b.completed_at IS NULL OR b.completed_at >= o.starts_at)
    AND u.api_key_id IS NOT NULL
ORDER BY o.account, b.id, u.created_at, u.id
