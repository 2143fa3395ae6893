-- What the ledger of every account comes to: all of it, what of it was there before the month, what of that is bonus
-- credit where no history says it, and how many purchases before the month have no price. A row for each line of the
-- month before that the statement sets beside its own, and one for all other rows.
SELECT o.account, s.line, sum(l.credits_delta)::bigint AS total,
    coalesce(sum(l.credits_delta) FILTER (WHERE l.created_at < o.starts_at), 0)::bigint AS opening,
    coalesce(sum(l.credits_delta) FILTER (WHERE NOT o.needs_history AND l.created_at < o.starts_at
        AND l.bucket = 'bonus'), 0)::bigint AS opening_bonus,
    count(*) FILTER (WHERE l.type = 'purchase' AND l.created_at < o.starts_at AND l.credits_delta > 0
        AND l.price_micros IS NULL) AS unpriced
FROM stated_owner AS o
JOIN ledger_row AS l ON l.user_id = o.user_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN l.created_at < o.before_starts_at OR l.created_at >= o.starts_at THEN ''
        WHEN l.type = 'purchase' THEN 'purchases' WHEN l.type = 'bonus_grant' THEN 'bonus_grants'
        WHEN l.type = 'spend' THEN 'spent' WHEN l.type = 'refund' THEN 'refunds'
        WHEN l.type = 'adjust' AND l.ref_type = 'bonus_expiry' THEN 'expired' ELSE 'adjustments' END AS line
) AS s
GROUP BY o.account, s.line
ORDER BY o.account, s.line
