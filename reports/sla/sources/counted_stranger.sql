-- Owners of the month's tasks who have no account, where the tasks were counted before: stands in for judged_stranger.
SELECT s.user_id FROM unnest(:strangers::uuid[]) AS s (user_id)
