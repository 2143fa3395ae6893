-- Ledger rows up to the snapshot, with the batch that they belong to or name.
SELECT l.id, l.user_id, l.type, l.model, l.credits_delta::bigint AS credits, l.ref_type, l.ref_id, l.created_at,
    CASE
        WHEN l.ref_type IN ('batch_upfront', 'batch_refund') THEN l.ref_id
        WHEN l.type = 'purchase' THEN coalesce(l.meta ->> 'batch_id', l.ref_id)
    END AS batch_reference,
    CASE
        WHEN l.ref_type = 'batch_upfront' THEN 'freeze'
        WHEN l.ref_type = 'batch_refund' THEN 'refund'
        WHEN l.type = 'purchase' THEN 'purchase'
    END AS role
FROM credit_ledger AS l
WHERE (l.created_at IS NULL OR l.created_at <= :snapshot_at::timestamptz) AND (:only_user::uuid IS NULL OR l.user_id = :only_user::uuid)
