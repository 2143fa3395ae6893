-- The keys (owner, request_id) of a period's batches, how many batches each has in all, and how often the request log
-- holds it.
SELECT k.period, k.cutoff, k.account, k.user_id, k.request_id, n.batches,
    (
        SELECT count(*)
        FROM enterprise_api_usage AS u
        JOIN enterprise_api_keys AS a ON a.id = u.api_key_id
        WHERE u.request_id = k.request_id AND a.user_id = k.user_id AND u.created_at <= k.cutoff
    ) AS requests
FROM (
    SELECT DISTINCT period, cutoff, account, user_id, request_id FROM period_batch WHERE request_id IS NOT NULL
) AS k
CROSS JOIN LATERAL (
    SELECT count(*) AS batches
    FROM batch_jobs AS b
    WHERE b.user_id = k.user_id AND b.request_id = k.request_id AND b.created_at <= k.cutoff
) AS n
