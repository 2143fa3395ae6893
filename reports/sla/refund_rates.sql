-- Refund rates by model: the month's tasks that are terminal, and how many of them did not succeed, in items and in
-- credits; everybody's are the sums of the accounts'.
WITH counted AS (
    SELECT period, account, model, count(*) AS items, count(*) FILTER (WHERE status <> 'succeeded') AS refunded_items,
        sum(cost) AS frozen_credits, sum(cost) FILTER (WHERE status <> 'succeeded') AS refunded_credits
    FROM judged_task
    WHERE is_judging AND is_terminal
    GROUP BY period, account, model
)
SELECT period, account, model, sum(items)::bigint AS items, sum(refunded_items)::bigint AS refunded_items,
    sum(frozen_credits)::bigint AS frozen_credits, coalesce(sum(refunded_credits), 0)::bigint AS refunded_credits
FROM counted
GROUP BY GROUPING SETS ((period, account, model), (period, model))
ORDER BY period, GROUPING(account) DESC, account, model COLLATE "C"
