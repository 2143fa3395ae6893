-- The keys (owner, request_id) of a period's batches, how many batches each has in all with the first ten in the order
-- in which they came, and how often the request log holds it.
WITH key AS MATERIALIZED (
    SELECT DISTINCT period, cutoff, account, user_id, request_id FROM period_batch WHERE request_id IS NOT NULL
), held AS (
    SELECT k.period, b.user_id, k.request_id, count(*) AS batches,
        (array_agg(b.id ORDER BY b.created_at, b.id))[1:10] AS first_batches
    FROM key AS k
    JOIN batch_jobs AS b ON b.user_id = k.user_id AND b.request_id = k.request_id AND b.created_at <= k.cutoff
    GROUP BY k.period, b.user_id, k.request_id
), asked AS (
    SELECT k.period, k.user_id, k.request_id, count(*) AS requests
    FROM key AS k
    JOIN enterprise_api_usage AS u ON u.request_id = k.request_id AND u.created_at <= k.cutoff
    JOIN enterprise_api_keys AS a ON a.id = u.api_key_id AND a.user_id = k.user_id
    GROUP BY k.period, k.user_id, k.request_id
)
SELECT k.period, k.cutoff, k.account, k.user_id, k.request_id, coalesce(h.batches, 0) AS batches,
    coalesce(q.requests, 0) AS requests, h.first_batches
FROM key AS k
LEFT JOIN held AS h ON h.period = k.period AND h.user_id = k.user_id AND h.request_id = k.request_id
LEFT JOIN asked AS q ON q.period = k.period AND q.user_id = k.user_id AND q.request_id = k.request_id
