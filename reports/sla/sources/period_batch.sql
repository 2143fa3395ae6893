-- The batches created in a period and not after its cutoff. Months come in the order of time.
--
-- Every step keeps all of its rows (OFFSET 0), so that the planner does not take a month's batches for a handful; where
-- they are divided, a CASE keeps them, of which it expects half of the rows.
SELECT s.period, s.cutoff, s.id, s.user_id, s.account, s.profile, s.frozen_credits::bigint AS frozen, s.request_id,
    s.created_at, s.webhook_url, s.webhook_status, s.status, s.is_settled, s.completed_at
FROM (
    SELECT b.*, p.period, p.cutoff, coalesce(o.account, 0) AS account,
        coalesce(o.profiles[width_bucket(b.created_at, o.from_at)], 0) AS profile
    FROM batch_state AS b
    LEFT JOIN owner_stretch AS o ON o.user_id = b.user_id
    LEFT JOIN period AS p ON p.period = width_bucket(b.created_at, :period_starts::timestamptz[])
        AND b.created_at < p.ends_at AND b.created_at <= p.cutoff
    WHERE b.created_at >= (:period_starts::timestamptz[])[1]
        AND b.created_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])]
        AND (:only_users::uuid[] IS NULL OR b.user_id = ANY (:only_users::uuid[]))
    OFFSET 0
) AS s
WHERE /* divided: CASE WHEN */ s.period IS NOT NULL /* divided: THEN true ELSE false END */
