-- Minutes of which the API's own record and the prober say different things, in stretches of one kind.
WITH numbered AS (
    SELECT component, prober, api, minute, requests, server_errors,
        minute - row_number() OVER (PARTITION BY prober, api ORDER BY minute) * interval '1 minute' AS stretch
    FROM compared_minute
    WHERE (prober, api) IN (('down', 'answered'), ('up', 'failed'), ('unmonitored', 'failed'))
)
SELECT component, prober, api, min(minute) AS starts_at, count(*) AS minutes, sum(requests)::bigint AS requests,
    sum(server_errors)::bigint AS server_errors
FROM numbered
GROUP BY component, prober, api, stretch
ORDER BY starts_at, prober COLLATE "C", api COLLATE "C"
