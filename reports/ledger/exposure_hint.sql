-- Ids of the provider that somebody named for a submission: those that it has not borne out yet, and second tasks of
-- one, which it may bill. Whose they are stands under the nonce, which lets in callbacks and is not read here.
SELECT h.user_id::text AS user_id, CASE h.outcome WHEN 'extra' THEN 'second_task' ELSE 'named_id' END AS state,
    h.heard_at, h.provider_task_id, h.provider_status
FROM daybook.provider_hint AS h
WHERE h.outcome IN ('heard', 'extra') AND (:only_user::uuid IS NULL OR h.user_id = :only_user::uuid)
ORDER BY h.heard_at, h.user_id, h.provider_task_id
