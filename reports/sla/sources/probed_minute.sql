-- Minutes from the first month's start to the last one's end that have a probe, by target: one is up if any probe in it
-- succeeded.
SELECT target, minute, bool_or(is_up) AS is_up
FROM (
    SELECT p.target, date_bin(interval '1 minute', p.probed_at, 'epoch') AS minute, p.ok AS is_up
    FROM (SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM evaluated_period) AS s
    JOIN probe AS p ON p.probed_at >= s.starts_at AND p.probed_at < s.ends_at
    UNION ALL
    -- Probes that were purged, folded into a bit a minute.
    SELECT d.target, m.minute, get_bit(d.up_minutes, m.number) = 1
    FROM (SELECT min(starts_at) AS starts_at, max(ends_at) AS ends_at FROM evaluated_period) AS s
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
