-- Idempotency keys of the month: seen, replayed, and with more than one batch.
SELECT period, account, count(*) AS keys_seen, count(*) FILTER (WHERE requests > 1) AS keys_replayed,
    count(*) FILTER (WHERE batches > 1) AS duplicated
FROM batch_key
GROUP BY GROUPING SETS ((period, account), (period))
ORDER BY period, GROUPING(account) DESC, account
