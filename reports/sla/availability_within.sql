-- What the API recorded of its own minutes, beside those of its prober. A percentile is the duration of the answer at
-- its rank, of all answers of the month.
WITH compared AS MATERIALIZED (
    SELECT * FROM compared_minute
), counted AS (
    SELECT period, min(component) AS component, count(*) AS served, count(*) FILTER (WHERE api = 'failed') AS failed,
        count(*) FILTER (WHERE server_errors > 0) AS troubled,
        count(*) FILTER (WHERE prober = 'down' AND api = 'failed') AS both_down,
        count(*) FILTER (WHERE prober = 'down' AND api = 'answered') AS prober_alone,
        count(*) FILTER (WHERE prober <> 'down' AND api = 'failed') AS api_alone,
        sum(requests)::bigint AS requests, sum(server_errors)::bigint AS server_errors
    FROM compared GROUP BY period
), ranked AS (
    SELECT e.period, d.milliseconds::bigint AS milliseconds,
        sum(sum(d.answers)) OVER (PARTITION BY e.period ORDER BY d.milliseconds) AS so_far,
        sum(sum(d.answers)) OVER (PARTITION BY e.period) AS answers
    FROM evaluated_period AS e
    JOIN served_minute AS o ON o.minute >= e.starts_at AND o.minute < e.ends_at
    CROSS JOIN LATERAL unnest(o.milliseconds, o.answers) AS d (milliseconds, answers)
    GROUP BY e.period, d.milliseconds
), durations AS (
    SELECT period, min(milliseconds) FILTER (WHERE so_far * 100 >= answers * 50) AS p50,
        min(milliseconds) FILTER (WHERE so_far * 100 >= answers * 95) AS p95,
        min(milliseconds) FILTER (WHERE so_far * 100 >= answers * 99) AS p99, max(milliseconds) AS longest
    FROM ranked GROUP BY period
)
SELECT c.period, c.component, (extract(epoch FROM e.ends_at - e.starts_at) / 60)::bigint AS total, c.served, c.failed,
    c.troubled, c.both_down, c.prober_alone, c.api_alone, c.requests, c.server_errors, d.p50, d.p95, d.p99, d.longest
FROM counted AS c
JOIN evaluated_period AS e ON e.period = c.period
JOIN durations AS d ON d.period = c.period
ORDER BY c.period
