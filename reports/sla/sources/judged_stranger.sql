-- Owners of the month's tasks who have no account.
SELECT DISTINCT user_id FROM judged_task WHERE is_judging AND account = 0
