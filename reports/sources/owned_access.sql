-- Rows of the access log with their owner: the row says it where the engine recorded the access, also after the video's
-- task is gone or has another owner; else it is the owner of the video, which is found by its task. Never the viewer.
-- Nobody's where neither is known.
SELECT r.id, r.video_id, r.action, r.source, r.created_at, coalesce(r.owner_id, t.user_id) AS owner_id
FROM video_external_access_log AS r
LEFT JOIN video_tasks AS t ON t.id = r.video_id
