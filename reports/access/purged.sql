-- Accesses that a purge has taken.
SELECT account, action, sum(accesses)::bigint AS accesses
FROM purged_access
GROUP BY account, action
ORDER BY account COLLATE "C", action COLLATE "C"
