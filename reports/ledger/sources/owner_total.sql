-- What all rows of an owner's ledger add up to, and what they come to when: one pass over them, in their order. The
-- wallet knows no dates, so that it is compared with every row, those of the future included. What was carried forward
-- has no balances; of the others up to the snapshot, lowest is the least one below 0, which is first there with the row
-- below_id, at below_at.
SELECT l.user_id, sum(l.credits_delta)::bigint AS ledger, min(l.balance) FILTER (WHERE l.is_below) AS lowest,
    (array_agg(l.id ORDER BY l.created_at, l.id) FILTER (WHERE l.is_below))[1] AS below_id,
    min(l.created_at) FILTER (WHERE l.is_below) AS below_at
FROM (
    SELECT n.*, n.balance < 0 AND n.created_at <= :snapshot_at::timestamptz
        AND n.created_at >= coalesce((SELECT max(cutoff) FROM ledger_carry WHERE state = 'done'), '-infinity')
        AS is_below
    FROM (
        SELECT r.user_id, r.id, r.created_at, r.credits_delta,
            sum(r.credits_delta) OVER (
                PARTITION BY r.user_id ORDER BY r.created_at, r.id ROWS UNBOUNDED PRECEDING
            ) AS balance
        FROM credit_ledger AS r
        WHERE :only_user::uuid IS NULL OR r.user_id = :only_user::uuid
    ) AS n
) AS l
GROUP BY l.user_id
