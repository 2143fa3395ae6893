-- What the ledger says of batches: its rows that belong to one or name one, and the sums of those that were carried
-- forward.
SELECT r.user_id, r.batch_reference, r.role, r.model, r.credits, r.created_at, r.id, 1::bigint AS entries
FROM checked_row AS r
WHERE r.role IS NOT NULL
UNION ALL
SELECT c.user_id, c.batch_id, c.role, nullif(c.model, ''), c.credits, c.last_posted_at, c.first_entry_id, c.entries
FROM carried_batch AS c
WHERE :only_user::uuid IS NULL OR c.user_id = :only_user::uuid
