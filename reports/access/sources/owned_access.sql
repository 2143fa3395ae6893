-- Rows of the access log in the month, with the owner of their video: the viewer's id says nothing about ownership.
SELECT l.video_id, l.action, l.source, l.created_at, t.user_id AS owner_id,
    CASE WHEN t.user_id IS NULL THEN '(unknown video)' ELSE coalesce(a.slug, '(none)') END AS account
FROM video_external_access_log AS l
LEFT JOIN video_tasks AS t ON t.id = l.video_id
LEFT JOIN account AS a ON a.user_id = t.user_id
WHERE l.created_at >= :month_start AND l.created_at < :month_end
    AND (:account_user_id::uuid IS NULL OR t.user_id = :account_user_id::uuid)
