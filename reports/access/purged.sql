-- Accesses that were purged: their daily totals are what is left. A day counts for the month that its noon is in.
SELECT CASE WHEN d.user_id = '00000000-0000-0000-0000-000000000000' THEN '(unknown video)' ELSE coalesce(a.slug, '(none)') END AS account,
    d.action, sum(d.accesses)::bigint AS accesses
FROM access_day AS d
LEFT JOIN account AS a ON a.user_id = d.user_id
WHERE (d.day::timestamp AT TIME ZONE coalesce(a.time_zone, 'UTC')) + interval '12 hours' >= :month_start
    AND (d.day::timestamp AT TIME ZONE coalesce(a.time_zone, 'UTC')) + interval '12 hours' < :month_end
    AND (:account_user_id::uuid IS NULL OR d.user_id = :account_user_id::uuid)
GROUP BY 1, 2
ORDER BY account COLLATE "C", action COLLATE "C"
