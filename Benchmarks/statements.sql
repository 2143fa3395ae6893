-- Ledger rows of 12 months for many customers: purchases, and for every batch a freeze and a refund. The reported month has tasks.
-- Everything follows from the numbers, so every run has the same rows. Variables: customers, rows, month.
INSERT INTO users (id, google_id, email, name)
SELECT md5('customer ' || c)::uuid, 'g' || c, 'customer' || c || '@example.org', 'Customer ' || c FROM generate_series(1, :customers) AS c;

CREATE TEMPORARY TABLE batch AS
SELECT b, md5('batch ' || b)::uuid AS id, md5('customer ' || (b % :customers + 1))::uuid AS user_id,
    :'month'::timestamptz + interval '1 month' - (interval '365 days' * b / (:rows / 2)) - interval '1 minute' AS at
FROM generate_series(1, :rows / 2) AS b;

INSERT INTO batch_jobs (id, user_id, status, total_count, success_count, failed_count, cost_per_video, frozen_credits, credits_spent,
    settlement_status, request_id, created_at, updated_at, completed_at)
SELECT id, user_id, 'partial', 3, 2, 1, 10, 30, 20, 'refunded', 'r' || b, at, at + interval '40 s', at + interval '40 s' FROM batch;

INSERT INTO credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
SELECT user_id, 'spend', 'sora-2', -30, 'batch_upfront', id::text, '{"bucket": "permanent"}'::jsonb, at FROM batch
UNION ALL
SELECT user_id, 'refund', 'sora-2', 10, 'batch_refund', id::text, '{"bucket": "permanent"}'::jsonb, at + interval '40 s' FROM batch
UNION ALL
SELECT md5('customer ' || c)::uuid, 'purchase', NULL, 575000, 'stripe_payment', 'pi_' || c, '{"bucket": "permanent", "usd": 10000}'::jsonb,
    :'month'::timestamptz - interval '400 days'
FROM generate_series(1, :customers) AS c;

INSERT INTO video_tasks (user_id, model, prompt, status, created_at, updated_at, completed_at, batch_job_id, batch_index)
SELECT user_id, 'sora-2', '', CASE i WHEN 3 THEN 'failed' ELSE 'succeeded' END, at, at + interval '30 s', at + interval '30 s', id, i
FROM batch CROSS JOIN generate_series(1, 3) AS i
WHERE at >= :'month'::timestamptz - interval '2 days';

INSERT INTO credit_wallet (user_id, permanent_credits)
SELECT user_id, sum(credits_delta) FROM credit_ledger GROUP BY user_id;
