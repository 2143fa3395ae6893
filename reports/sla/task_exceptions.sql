-- What of the month's tasks had to be set aside or estimated. account is null where a row is about no single owner.
WITH set_aside AS (
    SELECT outcome AS kind, account, id::text AS reference, set_aside AS detail
    FROM judged_task
    WHERE is_judging AND set_aside IS NOT NULL
    UNION ALL
    SELECT 'terminal_instant_estimated', NULL, NULL, count(*)::text
    FROM judged_task
    WHERE is_judging AND is_terminal AND is_estimated
    HAVING count(*) > 0
    UNION ALL
    SELECT 'terminal_instant_missing', NULL, NULL, count(*)::text
    FROM judged_task
    WHERE is_judging AND has_ended AND has_no_instant
    HAVING count(*) > 0
    UNION ALL
    SELECT 'model_missing', NULL, NULL, count(*)::text
    FROM judged_task
    WHERE is_judging AND is_model_missing
    HAVING count(*) > 0
    UNION ALL
    SELECT 'task_without_batch', NULL, NULL, count(*)::text
    FROM video_tasks AS t
    JOIN period AS p ON t.created_at >= p.starts_at AND t.created_at < p.ends_at AND t.created_at <= p.cutoff
    WHERE NOT EXISTS (
        SELECT 1 FROM batch_jobs AS b WHERE b.id = t.batch_job_id /* divided: AND b.user_id = t.user_id */
    )
        AND (:only_users::uuid[] IS NULL OR t.user_id = ANY (:only_users::uuid[]))
    HAVING count(*) > 0
    UNION ALL
    SELECT 'undated_task', NULL, NULL, count(*)::text
    FROM video_tasks AS t
    WHERE t.created_at IS NULL AND (:only_users::uuid[] IS NULL OR t.user_id = ANY (:only_users::uuid[]))
    HAVING count(*) > 0
    UNION ALL
    SELECT 'cell_cut', account, id::text, cell_cut
    FROM judged_task
    WHERE is_judging AND cell_cut IS NOT NULL
)
SELECT kind, account, reference, detail
FROM set_aside
ORDER BY kind COLLATE "C", account NULLS FIRST, reference COLLATE "C" NULLS FIRST, detail COLLATE "C"
