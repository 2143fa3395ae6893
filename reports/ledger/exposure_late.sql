-- Videos that were rendered after their task had been given up: their credit went back, and the provider may bill them.
SELECT t.user_id::text AS user_id, t.batch_id::text AS batch_id, t.task_id::text AS task_id, t.cost::bigint AS refunded,
    t.ended_at, s.late_success_at, s.provider_task_id
FROM daybook.submission AS s
JOIN daybook.task AS t ON t.user_id = s.user_id AND t.task_id = s.task_id
WHERE s.late_success_at >= :late_since::timestamptz AND (:only_user::uuid IS NULL OR s.user_id = :only_user::uuid)
ORDER BY s.late_success_at, t.user_id, t.task_id, s.attempt
