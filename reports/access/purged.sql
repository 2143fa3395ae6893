-- Accesses that a purge has taken.
SELECT account, action, sum(accesses)::bigint AS accesses, sum(undivided)::bigint AS undivided
FROM purged_access
GROUP BY account, action
ORDER BY account COLLATE "C", action COLLATE "C"
