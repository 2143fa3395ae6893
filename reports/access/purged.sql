-- Accesses that a purge has taken.
SELECT p.account, p.action, sum(p.accesses)::bigint AS accesses, sum(p.undivided)::bigint AS undivided
FROM purged_access AS p
LEFT JOIN slug_order AS n ON n.slug = p.account
GROUP BY p.account, n.place, p.action
ORDER BY n.place NULLS FIRST, p.account COLLATE "C", p.action COLLATE "C"
