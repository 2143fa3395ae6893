-- Ledger rows that give back credit of no batch: what they name was bought by itself.
SELECT r.user_id, r.id, r.ref_id, r.credits_delta, r.created_at
FROM credit_ledger AS r
WHERE r.type = 'refund' AND r.ref_type IS DISTINCT FROM 'batch_refund' AND r.ref_type IS DISTINCT FROM 'batch_upfront'
