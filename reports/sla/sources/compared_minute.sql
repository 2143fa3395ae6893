-- Minutes in which the API answered, by its own record, all its servers together, with what the prober says of each. A
-- minute is failed if every call in it ended with an error of the server's; without a call nobody knows anything.
SELECT s.period, s.minute, s.requests, s.server_errors, c.component,
    CASE WHEN m.is_up THEN 'up' WHEN NOT m.is_up THEN 'down' ELSE 'unmonitored' END AS prober,
    CASE WHEN s.server_errors < s.requests THEN 'answered' ELSE 'failed' END AS api
FROM (
    SELECT e.period, o.minute, sum(o.requests)::bigint AS requests, sum(o.server_errors)::bigint AS server_errors
    FROM evaluated_period AS e
    JOIN served_minute AS o ON o.minute >= e.starts_at AND o.minute < e.ends_at
    GROUP BY e.period, o.minute
) AS s
LEFT JOIN (
    -- The API is probed as batch-api, else it is the only target that there is.
    SELECT period, CASE WHEN bool_or(target = 'batch-api') THEN 'batch-api'
        WHEN count(*) = 1 THEN min(target) END AS component
    FROM probed_target GROUP BY period
) AS c ON c.period = s.period
LEFT JOIN probed_minute AS m ON m.target = c.component AND m.minute = s.minute
