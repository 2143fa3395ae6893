-- Ended tasks that failed or came late, by source, model and cause. The share is floored to four decimals.
SELECT c.source, c.model, c.class, c.failure_type, c.failure_reason, c.tasks, e.ended,
    floor(c.tasks * 1000000::numeric / e.ended) / 10000 AS share_percent
FROM (
    SELECT t.source, t.model, t.outcome AS class,
        CASE WHEN t.status = 'failed' THEN coalesce(t.failure_type, 'not recorded') ELSE '' END AS failure_type,
        CASE WHEN t.status = 'failed' THEN coalesce(t.failure_reason, '') ELSE '' END AS failure_reason,
        count(*) AS tasks
    FROM ended_task AS t
    WHERE t.status = 'failed' OR t.outcome = 'late'
    GROUP BY 1, 2, 3, 4, 5
) AS c
JOIN (SELECT source, model, count(*) AS ended FROM ended_task GROUP BY source, model) AS e ON e.source = c.source
    AND e.model = c.model
ORDER BY c.source COLLATE "C", c.model COLLATE "C", c.tasks DESC, c.class COLLATE "C", c.failure_type COLLATE "C",
    c.failure_reason COLLATE "C"
