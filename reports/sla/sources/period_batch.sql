-- The batches created in a period and not after its cutoff.
SELECT p.period, p.cutoff, b.id, b.user_id, coalesce(o.account, 0) AS account, coalesce(r.profile, 0) AS profile,
    b.frozen_credits::bigint AS frozen, b.request_id, b.created_at, b.webhook_url, b.webhook_status,
    b.status, b.is_settled, b.completed_at
FROM batch_state AS b
JOIN period AS p ON b.created_at >= p.starts_at AND b.created_at < p.ends_at AND b.created_at <= p.cutoff
LEFT JOIN owner AS o ON o.user_id = b.user_id
LEFT JOIN owner_terms AS r ON r.user_id = b.user_id AND b.created_at >= r.from_at AND b.created_at < r.until_at
WHERE :only_user::uuid IS NULL OR b.user_id = :only_user::uuid
