-- Minutes of each probed target up to the cutoff. A minute is up if any probe in it succeeded, down if all failed. A
-- down minute is excluded where the whole of it lies in maintenance that was announced in time, of its target or of all.
-- Windows that were corrected count no longer: what took their place, if anything did, stands beside them.
--
-- The probes of a minute are put together once, in however many periods it lies: every period starts with a minute.
WITH evaluated AS (
    SELECT period, starts_at, date_trunc('minute', greatest(starts_at, least(ends_at, cutoff))) AS ends_at
    FROM period
), announced AS (
    SELECT coalesce(w.target, '') AS target, tstzrange(w.starts_at, w.ends_at) AS span
    FROM maintenance_window AS w
    WHERE w.announced_at <= w.starts_at - make_interval(hours => :maintenance_notice_hours::int)
        AND NOT EXISTS (
            SELECT 1 FROM maintenance_correction AS c
            WHERE c.starts_at = w.starts_at AND c.ends_at = w.ends_at AND c.announced_at = w.announced_at
                AND c.reason = w.reason AND c.target = w.target)
), target AS (
    SELECT DISTINCT e.period, p.target
    FROM evaluated AS e
    JOIN (
        SELECT target, min(first_probe_at) AS first_probe_at
        FROM (
            SELECT target, min(probed_at) AS first_probe_at FROM probe GROUP BY target
            UNION ALL
            SELECT target, min(first_probe_at) FROM probe_day GROUP BY target
        ) AS known
        GROUP BY target
    ) AS p ON p.first_probe_at < e.ends_at
), excluding AS (
    SELECT t.target, coalesce(range_agg(a.span), '{}'::tstzmultirange) AS windows
    FROM (SELECT DISTINCT target FROM target) AS t
    LEFT JOIN announced AS a ON a.target IN ('', t.target)
    GROUP BY t.target
), span AS (
    SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM evaluated
), probed_minute AS MATERIALIZED (
    SELECT target, minute, bool_or(is_up) AS is_up
    FROM (
        SELECT p.target, date_bin(interval '1 minute', p.probed_at, 'epoch') AS minute, p.ok AS is_up
        FROM span AS s
        JOIN probe AS p ON p.probed_at >= s.starts_at AND p.probed_at < s.ends_at
        UNION ALL
        -- Probes that were purged, folded into a bit a minute.
        SELECT d.target, m.minute, get_bit(d.up_minutes, m.number) = 1
        FROM span AS s
        JOIN probe_day AS d ON d.day BETWEEN (s.starts_at AT TIME ZONE 'UTC')::date
            AND (s.ends_at AT TIME ZONE 'UTC')::date
        CROSS JOIN LATERAL (
            SELECT number, (d.day::timestamp AT TIME ZONE 'UTC') + make_interval(mins => number) AS minute
            FROM generate_series(0, 1439) AS number
        ) AS m
        WHERE m.minute >= s.starts_at AND m.minute < s.ends_at
            AND (get_bit(d.up_minutes, m.number) = 1 OR get_bit(d.down_minutes, m.number) = 1)
    ) AS seen
    GROUP BY target, minute
), counted AS (
    SELECT e.period, m.target, count(*) AS monitored, count(*) FILTER (WHERE NOT m.is_up) AS down,
        count(*) FILTER (
            WHERE NOT m.is_up AND a.windows @> tstzrange(m.minute, m.minute + interval '1 minute')
        ) AS excluded
    FROM evaluated AS e
    JOIN probed_minute AS m ON m.minute >= e.starts_at AND m.minute < e.ends_at
    LEFT JOIN excluding AS a ON a.target = m.target
    GROUP BY e.period, m.target
)
SELECT t.period, t.target AS component,
    (extract(epoch FROM e.ends_at - e.starts_at) / 60)::bigint AS total,
    coalesce(c.monitored, 0) AS monitored, coalesce(c.down, 0) AS down, coalesce(c.excluded, 0) AS excluded
FROM target AS t
JOIN evaluated AS e ON e.period = t.period
LEFT JOIN counted AS c ON c.period = t.period AND c.target = t.target
ORDER BY t.period, t.target COLLATE "C"
