-- The months that are closed, each with what the one before it was closed with.
SELECT user_id, month, period_start, opening_balance,
    lag(month) OVER w AS month_before, lag(period_end) OVER w AS end_before,
    lag(closing_balance) OVER w AS closing_before
FROM month_close AS c
WHERE (:only_user::uuid IS NULL OR user_id = :only_user::uuid) AND NOT EXISTS (
    SELECT 1 FROM month_reopen AS r WHERE r.user_id = c.user_id AND r.month = c.month AND r.revision = c.revision
)
WINDOW w AS (PARTITION BY user_id ORDER BY month)
