-- Ledger rows up to the snapshot, with the batch that they belong to or name.
SELECT l.id, l.user_id, l.type, l.model, l.credits_delta::bigint AS credits, l.ref_type, l.ref_id, l.created_at,
    l.batch_reference, l.role
FROM ledger_row AS l
WHERE (l.created_at IS NULL OR l.created_at <= :snapshot_at::timestamptz)
    AND (:only_user::uuid IS NULL OR l.user_id = :only_user::uuid)
