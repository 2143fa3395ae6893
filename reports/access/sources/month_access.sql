-- Accesses of the month with the account of their owner.
SELECT o.video_id, o.action, o.source, o.created_at, o.owner_id,
    CASE WHEN o.owner_id IS NULL THEN '(unknown video)' ELSE coalesce(a.slug, '(none)') END AS account
FROM owned_access AS o
LEFT JOIN account AS a ON a.user_id = o.owner_id
WHERE o.created_at >= :month_start AND o.created_at < :month_end
    AND (:account_user_id::uuid IS NULL OR o.owner_id = :account_user_id::uuid)
