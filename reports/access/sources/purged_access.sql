-- Accesses that were purged: their daily totals are what is left. A day counts for the month that its noon is in.
SELECT t.account, t.action, t.accesses
FROM (
    SELECT d.action, d.accesses,
        CASE WHEN d.user_id = '00000000-0000-0000-0000-000000000000' THEN '(unknown video)'
            ELSE coalesce(a.slug, '(none)') END AS account,
        (d.day::timestamp AT TIME ZONE coalesce(a.time_zone, 'UTC')) + interval '12 hours' AS noon
    FROM access_day AS d
    LEFT JOIN account AS a ON a.user_id = d.user_id
    WHERE :account_user_id::uuid IS NULL OR d.user_id = :account_user_id::uuid
) AS t
WHERE t.noon >= :month_start AND t.noon < :month_end
