-- The task of each of the provider's ids that a bill names, as the application wrote them down. One task an id: the
-- first, where an id stands for several.
SELECT DISTINCT ON (t.grsai_task_id) t.grsai_task_id AS provider_task_id, t.user_id, t.id AS task_id, true AS is_own
FROM public.video_tasks AS t
WHERE t.grsai_task_id = ANY (:billed_ids::text[])
ORDER BY t.grsai_task_id, t.user_id, t.id
