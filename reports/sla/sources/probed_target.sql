-- The targets of each month: all that were probed before its end.
SELECT DISTINCT e.period, p.target
FROM evaluated_period AS e
JOIN (
    SELECT target, min(first_probe_at) AS first_probe_at
    FROM (
        SELECT target, min(probed_at) AS first_probe_at FROM probe GROUP BY target
        UNION ALL
        SELECT target, min(first_probe_at) FROM probe_day GROUP BY target
    ) AS known
    GROUP BY target
) AS p ON p.first_probe_at < e.ends_at
