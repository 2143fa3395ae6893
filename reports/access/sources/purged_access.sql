-- Accesses that a purge has taken: totals are what is left of them. A total counts for the month that it begins in;
-- where months begin, totals are so short that each lies in one. Purges of earlier versions left totals of the
-- customer's own days: a day counts for the month that its noon is in, and is undivided if the month begins or ends
-- within it.
SELECT CASE WHEN p.user_id = '00000000-0000-0000-0000-000000000000' THEN '(unknown video)'
    ELSE coalesce(a.slug, '(none)') END AS account, p.action, p.accesses, p.undivided
FROM (
    SELECT n.user_id, n.action, n.accesses, 0 AS undivided
    FROM access_total AS n
    WHERE n.begins_at >= :month_start AND n.begins_at < :month_end
    UNION ALL
    SELECT d.user_id, d.action,
        CASE WHEN d.starts_at + interval '12 hours' >= :month_start AND d.starts_at + interval '12 hours' < :month_end
            THEN d.accesses ELSE 0 END,
        CASE WHEN d.starts_at < :month_start OR d.ends_at > :month_end THEN d.accesses ELSE 0 END
    FROM (
        SELECT k.user_id, k.action, k.accesses, k.day::timestamp AT TIME ZONE coalesce(z.time_zone, 'UTC') AS starts_at,
            (k.day + 1)::timestamp AT TIME ZONE coalesce(z.time_zone, 'UTC') AS ends_at
        FROM access_day AS k
        LEFT JOIN account AS z ON z.user_id = k.user_id
    ) AS d
    WHERE d.ends_at > :month_start AND d.starts_at < :month_end
) AS p
LEFT JOIN account AS a ON a.user_id = p.user_id
WHERE :account_user_id::uuid IS NULL OR p.user_id = :account_user_id::uuid
