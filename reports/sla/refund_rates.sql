-- Refund rates by model: the month's tasks that are terminal, and how many of them did not succeed, in items and in
-- credits.
SELECT period, account, model, count(*) AS items, count(*) FILTER (WHERE status <> 'succeeded') AS refunded_items,
    sum(cost)::bigint AS frozen_credits,
    coalesce(sum(cost) FILTER (WHERE status <> 'succeeded'), 0)::bigint AS refunded_credits
FROM judged_task
WHERE is_judging AND is_terminal
GROUP BY GROUPING SETS ((period, account, model), (period, model))
ORDER BY period, GROUPING(account) DESC, account, model COLLATE "C"
