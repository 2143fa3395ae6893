-- Owners who have an account, each once: their number, where in time each stretch of their terms begins, and the
-- contract profile of each; only_profile where there is one stretch. Stretches follow each other without a gap from the
-- beginning of time to its end.
SELECT m.user_id, min(o.account) AS account, array_agg(m.from_at ORDER BY m.from_at) AS from_at,
    array_agg(m.profile ORDER BY m.from_at) AS profiles,
    CASE count(*) WHEN 1 THEN min(m.profile) END AS only_profile
FROM owner_terms AS m
JOIN owner AS o ON o.user_id = m.user_id
GROUP BY m.user_id
