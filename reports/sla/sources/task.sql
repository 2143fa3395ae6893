-- The tasks that belong to a batch.
SELECT t.*
FROM known_task AS t
WHERE t.has_batch
