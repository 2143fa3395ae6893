-- Refund obligations by class, and the promises that are kept or broken batch by batch, by account, and for everybody
-- where owners are not judged apart.
SELECT period, account, count(*) AS batches,
    count(*) FILTER (WHERE class = 'on_time') AS on_time,
    count(*) FILTER (WHERE class = 'late') AS late,
    count(*) FILTER (WHERE class = 'partial') AS partial,
    count(*) FILTER (WHERE class = 'missing') AS missing,
    count(*) FILTER (WHERE class = 'over_refunded') AS over_refunded,
    count(*) FILTER (WHERE class = 'stuck') AS stuck,
    count(*) FILTER (WHERE class = 'pending') AS pending,
    coalesce(sum(owed) FILTER (WHERE class <> 'pending'), 0)::bigint AS obligated_credits,
    coalesce(sum(refunded) FILTER (WHERE class <> 'pending'), 0)::bigint AS refunded_credits,
    count(*) FILTER (WHERE is_settled) AS settled,
    count(*) FILTER (WHERE is_settled AND freeze_rows - refunded = delivered) AS paid_for_success,
    count(*) FILTER (WHERE has_begun) AS begun,
    count(*) FILTER (WHERE has_begun AND freeze_rows >= cost) AS covered,
    -- A delivery of which nothing is recorded neither succeeded nor failed.
    count(*) FILTER (WHERE is_settled AND webhook_url IS NOT NULL AND webhook_status IS NOT NULL) AS known_webhooks,
    count(*) FILTER (WHERE is_settled AND webhook_url IS NOT NULL AND webhook_status = 'sent') AS delivered_webhooks,
    count(*) FILTER (WHERE freeze_rows > frozen) AS over_frozen
FROM judged_batch
GROUP BY GROUPING SETS ((period, account), (period))
HAVING GROUPING(account) = 0 OR NOT :owners_apart::boolean
ORDER BY period, GROUPING(account) DESC, account
