-- What is left in an owner's lots, by bucket of the wallet.
SELECT o.user_id, coalesce(sum(o.remaining) FILTER (WHERE o.kind = 'purchased'), 0)::bigint AS purchased,
    coalesce(sum(o.remaining) FILTER (WHERE o.kind = 'bonus'), 0)::bigint AS bonus
FROM lot AS o
WHERE o.remaining > 0 AND (:only_user::uuid IS NULL OR o.user_id = :only_user::uuid)
GROUP BY o.user_id
