-- Minutes of each probed target in the month that were not up, in stretches of one kind: `down`, `announced` (down
-- inside maintenance that was announced in time), or `unmonitored`.
WITH missed AS MATERIALIZED (
    -- Put together and not joined: a join that expects few minutes would look at all of them for each of them.
    SELECT target, minute, bool_or(is_up) IS NULL AS is_unmonitored
    FROM (
        SELECT m.target, m.minute, m.is_up
        FROM evaluated_period AS e
        JOIN probed_minute AS m ON m.minute >= e.starts_at AND m.minute < e.ends_at
        UNION ALL
        SELECT t.target, g.minute, NULL
        FROM probed_target AS t
        JOIN evaluated_period AS e ON e.period = t.period
        CROSS JOIN LATERAL generate_series(e.starts_at, e.ends_at - interval '1 minute', interval '1 minute')
            AS g (minute)
    ) AS seen
    GROUP BY target, minute
    HAVING bool_or(is_up) IS DISTINCT FROM true
), maintained AS MATERIALIZED (
    -- Overlapping windows count once.
    SELECT t.target, range_agg(a.span) AS windows
    FROM (SELECT DISTINCT target FROM missed) AS t
    JOIN announced_maintenance AS a ON a.target IN ('', t.target)
    GROUP BY t.target
), named AS (
    SELECT m.target, m.minute,
        CASE WHEN m.is_unmonitored THEN 'unmonitored'
            WHEN a.windows @> tstzrange(m.minute, m.minute + interval '1 minute') THEN 'announced'
            ELSE 'down' END AS kind
    FROM missed AS m
    LEFT JOIN maintained AS a ON a.target = m.target
), numbered AS (
    SELECT target, kind, minute,
        minute - row_number() OVER (PARTITION BY target, kind ORDER BY minute) * interval '1 minute' AS stretch
    FROM named
)
SELECT target AS component, kind, min(minute) AS starts_at, count(*) AS minutes
FROM numbered
GROUP BY target, kind, stretch
ORDER BY target COLLATE "C", starts_at, kind COLLATE "C"
