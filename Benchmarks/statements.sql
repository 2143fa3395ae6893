-- Ledger rows of 12 months for many customers: purchases, and for every batch a freeze and a refund. Every batch has
-- its two tasks, so that nothing is to be found, and each task has two accesses. Everything follows from the numbers,
-- so every run has the same rows.
-- Variables: customers, rows, month. Runs inside the transaction that emptied the tables, whose tasks have no keys and
-- indexes then.

INSERT INTO users (id, google_id, email, name, created_at, updated_at)
SELECT md5('customer ' || c)::uuid, 'g' || c, 'customer' || c || '@example.org', 'Customer ' || c, first_at, first_at
FROM generate_series(1, :customers) AS c
CROSS JOIN (SELECT :'month'::timestamptz - interval '410 days') AS joined (first_at);

CREATE TEMPORARY TABLE batch ON COMMIT DROP AS
SELECT b, md5('batch ' || b)::uuid AS id, md5('customer ' || (b % :customers + 1))::uuid AS user_id,
    :'month'::timestamptz + interval '1 month' - (interval '365 days' * b / (:rows / 2)) - interval '1 minute' AS at
FROM generate_series(:rows / 2, 1, -1) AS b;

INSERT INTO batch_jobs (id, user_id, status, total_count, success_count, failed_count, cost_per_video, frozen_credits,
    credits_spent, settlement_status, request_id, created_at, updated_at, completed_at)
SELECT id, user_id, 'partial', 2, 1, 1, 10, 20, 10, 'refunded', 'r' || b, at, at + interval '40 s', at + interval '40 s'
FROM batch;

INSERT INTO credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
SELECT md5('customer ' || c)::uuid, 'purchase', NULL, 575000, 'stripe_payment', 'pi_' || c,
    '{"bucket": "permanent", "usd": 10000}'::jsonb, :'month'::timestamptz - interval '400 days'
FROM generate_series(1, :customers) AS c;

INSERT INTO credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
SELECT b.user_id, entry.type, 'sora-2', entry.credits, entry.ref_type, b.id::text, '{"bucket": "permanent"}'::jsonb,
    entry.posted_at
FROM batch AS b
CROSS JOIN LATERAL (
    VALUES ('spend', -20, 'batch_upfront', b.at), ('refund', 10, 'batch_refund', b.at + interval '40 s')
) AS entry (type, credits, ref_type, posted_at);

INSERT INTO video_tasks (id, user_id, model, prompt, aspect_ratio, duration, size, remove_watermark, status, created_at,
    updated_at, completed_at, batch_job_id, batch_index)
SELECT encode(int8send(hashint8extended(b, i)) || int8send(hashint8extended(b, i + 2)), 'hex')::uuid, user_id, 'sora-2',
    '', NULL, NULL, NULL, NULL, CASE i WHEN 2 THEN 'failed' ELSE 'succeeded' END, at, at + interval '30 s',
    at + interval '30 s', id, i
FROM batch
CROSS JOIN generate_series(1, 2) AS i;

INSERT INTO credit_wallet (user_id, permanent_credits)
SELECT user_id, sum(credits_delta) FROM credit_ledger GROUP BY user_id;

-- In the order of their instants, as a log is written.
INSERT INTO video_external_access_log (id, video_id, action, source, policy_snapshot, created_at)
SELECT encode(int8send(hashint8extended(n, 21)) || int8send(hashint8extended(n, 22)), 'hex')::uuid, id,
    (ARRAY['play', 'play', 'download', 'embed', 'share'])[1 + n % 5], 'share_link', '{}', at
FROM (
    SELECT t.id, row_number() OVER (ORDER BY t.created_at, t.id, i) AS n, t.created_at + i * interval '1 hour' AS at
    FROM video_tasks AS t
    CROSS JOIN generate_series(1, 2) AS i
) AS drawn
ORDER BY at, n;
