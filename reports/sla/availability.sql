-- Minutes of each probed target up to the cutoff. A minute is up if any probe in it succeeded, down if all failed. A
-- down minute is excluded where the whole of it lies in maintenance of its target, or of all, that was announced in
-- time.
--
-- The probes of a minute are put together once, in however many periods it lies: every period starts with a minute.
WITH probed AS MATERIALIZED (
    SELECT target, minute, is_up FROM probed_minute
), maintained AS MATERIALIZED (
    -- Overlapping windows count once.
    SELECT t.target, range_agg(a.span) AS windows
    FROM (SELECT DISTINCT target FROM probed) AS t
    JOIN announced_maintenance AS a ON a.target IN ('', t.target)
    GROUP BY t.target
), counted AS (
    SELECT e.period, m.target, count(*) AS monitored, count(*) FILTER (WHERE NOT m.is_up) AS down,
        count(*) FILTER (
            WHERE NOT m.is_up AND a.windows @> tstzrange(m.minute, m.minute + interval '1 minute')
        ) AS excluded
    FROM evaluated_period AS e
    JOIN probed AS m ON m.minute >= e.starts_at AND m.minute < e.ends_at
    LEFT JOIN maintained AS a ON a.target = m.target
    GROUP BY e.period, m.target
)
SELECT t.period, t.target AS component,
    (extract(epoch FROM e.ends_at - e.starts_at) / 60)::bigint AS total,
    coalesce(c.monitored, 0) AS monitored, coalesce(c.down, 0) AS down, coalesce(c.excluded, 0) AS excluded
FROM probed_target AS t
JOIN evaluated_period AS e ON e.period = t.period
LEFT JOIN counted AS c ON c.period = t.period AND c.target = t.target
ORDER BY t.period, t.target COLLATE "C"
