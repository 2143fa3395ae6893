-- Ledger rows up to the snapshot that give back credit of no batch.
SELECT r.id, r.user_id, r.ref_id, r.credits_delta::bigint AS credits
FROM single_return AS r
WHERE (r.created_at IS NULL OR r.created_at <= :snapshot_at::timestamptz)
    AND (:only_user::uuid IS NULL OR r.user_id = :only_user::uuid)
