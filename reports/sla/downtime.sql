-- Minutes of each probed target in the month that were not up, in stretches of one kind: `down`, `announced` (down
-- inside maintenance that was announced in time), or `unmonitored`.
WITH probed AS MATERIALIZED (
    SELECT target, minute, is_up FROM probed_minute
), maintained AS MATERIALIZED (
    SELECT target, windows FROM announced_maintenance
), missed AS (
    SELECT t.target, g.minute,
        CASE WHEN m.minute IS NULL THEN 'unmonitored'
            WHEN a.windows @> tstzrange(g.minute, g.minute + interval '1 minute') THEN 'announced'
            ELSE 'down' END AS kind
    FROM probed_target AS t
    JOIN evaluated_period AS e ON e.period = t.period
    CROSS JOIN LATERAL generate_series(e.starts_at, e.ends_at - interval '1 minute', interval '1 minute') AS g (minute)
    LEFT JOIN maintained AS a ON a.target = t.target
    LEFT JOIN probed AS m ON m.target = t.target AND m.minute = g.minute
    WHERE m.is_up IS DISTINCT FROM true
), numbered AS (
    SELECT target, kind, minute,
        minute - row_number() OVER (PARTITION BY target, kind ORDER BY minute) * interval '1 minute' AS stretch
    FROM missed
)
SELECT target AS component, kind, min(minute) AS starts_at, count(*) AS minutes
FROM numbered
GROUP BY target, kind, stretch
ORDER BY target COLLATE "C", starts_at, kind COLLATE "C"
