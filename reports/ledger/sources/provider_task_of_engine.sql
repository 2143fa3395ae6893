-- The same beside an engine, which keeps every submission: a task may have been handed over under further ids, and one
-- submission may have made a second task at the provider, as a callback or a late answer told.
SELECT DISTINCT ON (i.provider_task_id) i.provider_task_id, i.user_id, i.task_id, i.is_own
FROM (
    SELECT t.grsai_task_id AS provider_task_id, t.user_id, t.id AS task_id, true AS is_own
    FROM public.video_tasks AS t
    WHERE t.grsai_task_id = ANY (:billed_ids::text[])
    UNION ALL
    SELECT s.provider_task_id, s.user_id, s.task_id, s.outcome = 'accepted'
    FROM daybook.submission AS s
    WHERE s.provider_task_id = ANY (:billed_ids::text[])
    UNION ALL
    SELECT h.provider_task_id, h.user_id, h.task_id, false
    FROM daybook.provider_hint AS h
    WHERE h.outcome = 'extra' AND h.task_id IS NOT NULL AND h.provider_task_id = ANY (:billed_ids::text[])
) AS i
ORDER BY i.provider_task_id, i.is_own DESC, i.user_id, i.task_id
