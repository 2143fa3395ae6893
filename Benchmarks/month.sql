-- What a month of data.sql lacks for its books: what every customer bought before it, and the wallets that follow.
-- Runs after it, in the same transaction. Variables: month.

INSERT INTO credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
SELECT id, 'purchase', NULL, 57500000, 'stripe_payment', 'pi_' || id, '{"bucket": "permanent", "usd": 1000000}'::jsonb,
    :'month'::timestamptz - interval '40 days'
FROM users;

UPDATE credit_wallet AS w SET permanent_credits = l.credits
FROM (SELECT user_id, sum(credits_delta) AS credits FROM credit_ledger GROUP BY user_id) AS l
WHERE l.user_id = w.user_id;
