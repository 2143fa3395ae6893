-- How far the clocks of a time zone are ahead of UTC, in seconds: at the first instant, and from every change on, to
-- the minute. Between two changes of a zone there is a week at least.
WITH zone AS (
    SELECT z.number, z.time_zone, z.starts_at, z.ends_at
    FROM unnest(:zone_names::text[], :zone_starts::timestamptz[], :zone_ends::timestamptz[])
        WITH ORDINALITY AS z (time_zone, starts_at, ends_at, number)
), looked AS (
    SELECT z.number, z.time_zone, t.at,
        extract(epoch FROM (t.at AT TIME ZONE z.time_zone) - (t.at AT TIME ZONE 'UTC'))::bigint AS seconds
    FROM zone AS z
    CROSS JOIN LATERAL generate_series(z.starts_at, z.ends_at + interval '5 days', interval '5 days') AS t (at)
), stepped AS (
    SELECT number, time_zone, at, seconds, lag(seconds) OVER (PARTITION BY number ORDER BY at) AS before
    FROM looked
)
SELECT number, at AS from_at, seconds FROM stepped WHERE before IS NULL
UNION ALL
SELECT s.number, m.at, s.seconds
FROM stepped AS s
CROSS JOIN LATERAL (
    SELECT min(t.at) AS at
    FROM generate_series(s.at - interval '5 days', s.at, interval '1 hour') AS t (at)
    WHERE extract(epoch FROM (t.at AT TIME ZONE s.time_zone) - (t.at AT TIME ZONE 'UTC'))::bigint = s.seconds
) AS h
CROSS JOIN LATERAL (
    SELECT min(t.at) AS at
    FROM generate_series(h.at - interval '1 hour', h.at, interval '1 minute') AS t (at)
    WHERE extract(epoch FROM (t.at AT TIME ZONE s.time_zone) - (t.at AT TIME ZONE 'UTC'))::bigint = s.seconds
) AS m
WHERE s.before <> s.seconds
ORDER BY number, from_at
