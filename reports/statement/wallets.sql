-- What the wallet of each account says now, and the bonus credit in it that has expired. Where the engine keeps lots,
-- they know better than the wallet, which has one expiry for all of them.
SELECT o.account, (coalesce(w.permanent_credits, 0) + coalesce(w.bonus_credits, 0))::bigint AS wallet,
    CASE WHEN g.lots > 0 THEN g.expired
        WHEN w.bonus_expires_at <= :snapshot_at::timestamptz THEN coalesce(w.bonus_credits, 0)::bigint
            ELSE 0 END AS expired_unbooked,
    coalesce(u.email, '') AS email
FROM stated_owner AS o
LEFT JOIN credit_wallet AS w ON w.user_id = o.user_id
LEFT JOIN users AS u ON u.id = o.user_id
CROSS JOIN LATERAL (
    SELECT count(*) AS lots, coalesce(sum(l.remaining) FILTER (WHERE l.expires_at <= :snapshot_at::timestamptz),
        0)::bigint AS expired
    FROM lot AS l
    WHERE l.user_id = o.user_id AND l.kind = 'bonus'
) AS g
ORDER BY o.account
