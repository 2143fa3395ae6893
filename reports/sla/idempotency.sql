-- Idempotency keys of the month: seen, replayed, and with more than one batch; by account, and for everybody where
-- owners are not judged apart.
SELECT period, account, count(*) AS keys_seen, count(*) FILTER (WHERE requests > 1) AS keys_replayed,
    count(*) FILTER (WHERE batches > 1) AS duplicated
FROM batch_key
GROUP BY GROUPING SETS ((period, account), (period))
HAVING GROUPING(account) = 0 OR NOT :owners_apart::boolean
ORDER BY period, GROUPING(account) DESC, account
