-- Failed tasks by model and cause. The share is floored to four decimals.
SELECT t.model, coalesce(t.failure_type, 'not recorded') AS failure_type, coalesce(t.failure_reason, '') AS failure_reason,
    count(*) AS tasks, e.ended, floor(count(*) * 1000000::numeric / e.ended) / 10000 AS share_percent
FROM ended_task AS t
JOIN (SELECT model, count(*) AS ended FROM ended_task GROUP BY model) AS e ON e.model = t.model
WHERE t.status = 'failed'
GROUP BY t.model, t.failure_type, t.failure_reason, e.ended
ORDER BY t.model COLLATE "C", tasks DESC, failure_type COLLATE "C", failure_reason COLLATE "C"
