-- Ledger rows that spend credit for no batch: videos that were bought by themselves.
SELECT s.user_id, s.id, s.model, s.ref_id, s.credits_delta, s.created_at
FROM credit_ledger AS s
WHERE s.type = 'spend' AND s.ref_type IS DISTINCT FROM 'batch_upfront' AND s.ref_type IS DISTINCT FROM 'batch_refund'
