-- Refund obligations by class, and the promises that are kept or broken batch by batch, by account, and for everybody
-- where owners are not judged apart: everybody's are the sums of the accounts'.
WITH counted AS (
    SELECT period, account, count(*) AS batches,
        count(*) FILTER (WHERE class = 'on_time') AS on_time,
        count(*) FILTER (WHERE class = 'late') AS late,
        count(*) FILTER (WHERE class = 'partial') AS partial,
        count(*) FILTER (WHERE class = 'missing') AS missing,
        count(*) FILTER (WHERE class = 'over_refunded') AS over_refunded,
        count(*) FILTER (WHERE class = 'stuck') AS stuck,
        count(*) FILTER (WHERE class = 'pending') AS pending,
        sum(owed) FILTER (WHERE class <> 'pending') AS obligated_credits,
        sum(refunded) FILTER (WHERE class <> 'pending') AS refunded_credits,
        count(*) FILTER (WHERE is_settled) AS settled,
        count(*) FILTER (WHERE is_settled AND freeze_rows - refunded = delivered) AS paid_for_success,
        count(*) FILTER (WHERE has_begun) AS begun,
        count(*) FILTER (WHERE has_begun AND freeze_rows >= cost) AS covered,
        -- A delivery of which nothing is recorded neither succeeded nor failed.
        count(*) FILTER (WHERE is_settled AND webhook_url IS NOT NULL AND webhook_status IS NOT NULL)
            AS known_webhooks,
        count(*) FILTER (WHERE is_settled AND webhook_url IS NOT NULL AND webhook_status = 'sent')
            AS delivered_webhooks,
        count(*) FILTER (WHERE freeze_rows > frozen) AS over_frozen
    FROM judged_batch
    GROUP BY period, account
)
SELECT period, account, sum(batches)::bigint AS batches, sum(on_time)::bigint AS on_time, sum(late)::bigint AS late,
    sum(partial)::bigint AS partial, sum(missing)::bigint AS missing, sum(over_refunded)::bigint AS over_refunded,
    sum(stuck)::bigint AS stuck, sum(pending)::bigint AS pending,
    coalesce(sum(obligated_credits), 0)::bigint AS obligated_credits,
    coalesce(sum(refunded_credits), 0)::bigint AS refunded_credits, sum(settled)::bigint AS settled,
    sum(paid_for_success)::bigint AS paid_for_success, sum(begun)::bigint AS begun, sum(covered)::bigint AS covered,
    sum(known_webhooks)::bigint AS known_webhooks, sum(delivered_webhooks)::bigint AS delivered_webhooks,
    sum(over_frozen)::bigint AS over_frozen
FROM counted
GROUP BY GROUPING SETS ((period, account), (period))
HAVING GROUPING(account) = 0 OR NOT :owners_apart::boolean
ORDER BY period, GROUPING(account) DESC, account
