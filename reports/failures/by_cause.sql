-- Ended tasks that failed or came late, by source, model and cause, each beside all that ended of the source's model:
-- counted together in one pass. The share is floored to four decimals.
SELECT c.source, c.model, c.class, c.failure_type, c.failure_reason, c.tasks, c.ended,
    floor(c.tasks * 1000000::numeric / c.ended) / 10000 AS share_percent
FROM (
    SELECT g.*, (sum(g.tasks) OVER (PARTITION BY g.source, g.model))::bigint AS ended
    FROM (
        SELECT t.source, t.model, l.is_listed, CASE WHEN l.is_listed THEN t.outcome END AS class,
            CASE WHEN l.is_listed AND t.status = 'failed' THEN coalesce(t.failure_type, 'not recorded') ELSE '' END
                AS failure_type,
            CASE WHEN l.is_listed AND t.status = 'failed' THEN coalesce(t.failure_reason, '') ELSE '' END
                AS failure_reason,
            count(*) AS tasks
        FROM ended_task AS t
        CROSS JOIN LATERAL (SELECT t.status = 'failed' OR t.outcome = 'late' AS is_listed) AS l
        GROUP BY 1, 2, 3, 4, 5, 6
    ) AS g
) AS c
WHERE c.is_listed
ORDER BY c.source COLLATE "C", c.model COLLATE "C", c.tasks DESC, c.class COLLATE "C", c.failure_type COLLATE "C",
    c.failure_reason COLLATE "C"
