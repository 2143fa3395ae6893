-- The rows of the benchmark: the reported month of a deployment, and further months before it. Every value is a hash of
-- its row's number, so that the same numbers give the same rows, and the reported month is the same whatever comes
-- before it. psql variables: customers, batches and tasks (of a month), month (its first day), months (how many there
-- are in all). Runs inside the transaction that emptied the tables, whose tasks have no keys and indexes then.

-- A number in (0, 1) out of a row's number and the purpose it is drawn for.
CREATE FUNCTION pg_temp.share(number bigint, purpose int) RETURNS double precision LANGUAGE sql IMMUTABLE
RETURN ((hashint8extended(number, purpose) >> 11 & 9007199254740991)::float8 + 0.5::float8) / 9007199254740992::float8;

INSERT INTO users (id, google_id, email, name, created_at, updated_at)
SELECT md5('user ' || n)::uuid, 'g-' || n, 'customer' || n || '@example.org', 'Customer ' || n, first_at, first_at
FROM generate_series(1, :customers) AS n
CROSS JOIN (SELECT :'month'::timestamptz - interval '1 month' * :months - interval '90 days') AS joined (first_at);

INSERT INTO credit_wallet (user_id, permanent_credits) SELECT id, 1000000 FROM users;

INSERT INTO enterprise_api_keys (id, user_id, api_key, name, created_at)
SELECT md5('key ' || n)::uuid, md5('user ' || n)::uuid, 'ent_' || md5('secret ' || n), 'production',
    :'month'::timestamptz - interval '1 month' * :months - interval '80 days'
FROM generate_series(1, :customers) AS n;

-- Batches of exponentially distributed size, most of them of few customers, with the numbers of their first and last
-- task.
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
SELECT n, m, md5('batch ' || n)::uuid AS id,
    md5('user ' || 1 + floor(:customers * pg_temp.share(n, 1) * pg_temp.share(n, 2))::int)::uuid AS user_id,
    CASE WHEN pg_temp.share(n, 3) < 0.7 THEN 'sora-2' WHEN pg_temp.share(n, 3) < 0.9 THEN 'veo-flash'
        ELSE 'veo-pro' END AS model,
    month_at + (next_at - month_at - interval '1 hour') * pg_temp.share(n, 4) AS created_at,
    m * :tasks::bigint + 1 + round(:tasks * coalesce(sum(weight) OVER before, 0) / sum(weight) OVER whole)::bigint
        AS first_task,
    m * :tasks::bigint
        + round(:tasks * (coalesce(sum(weight) OVER before, 0) + weight) / sum(weight) OVER whole)::bigint AS last_task
FROM (
    SELECT m, m * :batches::bigint + k AS n, (0.02 - ln(pg_temp.share(m * :batches::bigint + k, 5)))::numeric AS weight,
        :'month'::timestamptz - m * interval '1 month' AS month_at,
        :'month'::timestamptz - (m - 1) * interval '1 month' AS next_at
    FROM generate_series(0, :months - 1) AS m
    CROSS JOIN generate_series(1, :batches) AS k
) AS weighted
WINDOW whole AS (PARTITION BY m),
    before AS (PARTITION BY m ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

-- 95 of 100 tasks succeed, after a time that is exponentially distributed. One in 5,000 of the reported month is still
-- being worked on. They lie in the order of their creation, as a service writes them. Those of further months leave out
-- what no report reads, which takes half of the room and lets every reader, the baselines too, read them faster.
INSERT INTO video_tasks (
    id, user_id, grsai_task_id, model, prompt, aspect_ratio, duration, size, remove_watermark, status, progress,
    video_url, failure_reason, error_message, created_at, updated_at, completed_at, batch_job_id, batch_index, attempts,
    poll_count, last_poll_at, failure_type, external_access_policy
)
SELECT encode(int8send(hashint8extended(n, 11)) || int8send(hashint8extended(n, 12)), 'hex')::uuid, user_id,
    CASE m WHEN 0 THEN '14-' || n END, model,
    CASE m WHEN 0 THEN 'cinematic: a paper boat in a gutter, take ' || n ELSE '' END, CASE m WHEN 0 THEN '9:16' END,
    CASE m WHEN 0 THEN 10 END, CASE m WHEN 0 THEN 'small' END, CASE m WHEN 0 THEN true END, status,
    CASE status WHEN 'succeeded' THEN 100 ELSE 60 END,
    CASE WHEN m = 0 AND status = 'succeeded' THEN 'https://cdn.example.net/v/' || n || '.mp4' END,
    CASE WHEN status = 'failed' THEN
        CASE WHEN kind < 0.015 THEN 'error' WHEN kind < 0.02 THEN 'output_moderation' WHEN kind < 0.045 THEN 'error'
            ELSE 'input_moderation' END END,
    CASE WHEN m = 0 AND status = 'failed' THEN 'remote task failed' END,
    created_at, coalesce(ended_at, created_at), ended_at, batch_id, batch_index, 1, 3,
    CASE m WHEN 0 THEN coalesce(ended_at, created_at) END,
    CASE WHEN status = 'failed' THEN
        CASE WHEN kind < 0.02 THEN 'model_error' WHEN kind < 0.035 THEN 'timeout' WHEN kind < 0.043 THEN 'network'
            WHEN kind < 0.045 THEN 'unknown' ELSE 'param_error' END END,
    CASE m WHEN 0 THEN jsonb '{"allow_share": true, "allow_download": true}' ELSE jsonb '{}' END
FROM (
    SELECT t.n, p.m, p.id AS batch_id, p.user_id, p.model, p.created_at, (t.n - p.first_task)::int AS batch_index,
        pg_temp.share(t.n, 6) AS kind,
        CASE WHEN p.m = 0 AND pg_temp.share(t.n, 7) < 0.0002 THEN 'processing'
            WHEN pg_temp.share(t.n, 6) < 0.05 THEN 'failed' ELSE 'succeeded' END AS status,
        CASE WHEN p.m > 0 OR pg_temp.share(t.n, 7) >= 0.0002 THEN
            p.created_at + interval '5 seconds' - interval '1 second' * ln(pg_temp.share(t.n, 8))
                * CASE p.model WHEN 'sora-2' THEN 35 WHEN 'veo-flash' THEN 140 ELSE 180 END
        END AS ended_at
    FROM (SELECT * FROM plan ORDER BY created_at) AS p
    CROSS JOIN LATERAL generate_series(p.first_task, p.last_task) AS t (n)
) AS drawn;

-- What the tasks of each batch came to: one pass over them.
CREATE TEMPORARY TABLE worked ON COMMIT DROP AS
SELECT batch_job_id, count(*)::int AS total, count(*) FILTER (WHERE status = 'succeeded')::int AS succeeded,
    count(*) FILTER (WHERE status = 'failed')::int AS failed,
    count(*) FILTER (WHERE status = 'processing')::int AS open,
    max(completed_at) AS last_at
FROM video_tasks
GROUP BY batch_job_id;
ANALYZE plan, worked;

-- What the service's own settlement would have made of it: a batch is settled when its last task has ended.
INSERT INTO batch_jobs (
    id, user_id, status, total_count, success_count, failed_count, cost_per_video, frozen_credits, credits_spent,
    settlement_status, webhook_url, webhook_status, webhook_attempts, webhook_last_sent_at, request_id, source,
    created_at, updated_at, completed_at
)
SELECT id, user_id,
    CASE WHEN open > 0 THEN 'processing' WHEN failed = 0 THEN 'completed' WHEN succeeded = 0 THEN 'failed'
        ELSE 'partial' END,
    total, succeeded, failed, cost, total * cost, CASE open WHEN 0 THEN succeeded * cost ELSE 0 END,
    CASE WHEN open > 0 THEN 'pending' WHEN failed > 0 THEN 'refunded' ELSE 'finalized' END,
    CASE WHEN n % 2 = 0 THEN 'https://hooks.customer.example/batch' END,
    CASE WHEN n % 2 = 0 THEN CASE WHEN open > 0 THEN 'pending' WHEN n % 500 = 0 THEN 'failed' ELSE 'sent' END END,
    (n % 2 = 0 AND open = 0)::int, CASE WHEN n % 2 = 0 AND open = 0 THEN settled_at END,
    'order-' || n, 'enterprise', created_at, settled_at, CASE open WHEN 0 THEN settled_at END
FROM (
    SELECT p.n, p.id, p.user_id, p.created_at,
        CASE p.model WHEN 'sora-2' THEN 10 WHEN 'veo-flash' THEN 50 ELSE 250 END AS cost, coalesce(w.total, 0) AS total,
        coalesce(w.succeeded, 0) AS succeeded, coalesce(w.failed, 0) AS failed, coalesce(w.open, 0) AS open,
        coalesce(w.last_at, p.created_at) + interval '1 second' AS settled_at
    FROM plan AS p
    LEFT JOIN worked AS w ON w.batch_job_id = p.id
    ORDER BY p.created_at
) AS worked;

-- The freeze of each batch, and the refund of what failed: one in 200 comes an hour late, one in 1,000 never.
INSERT INTO credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
SELECT b.user_id, entry.type, p.model, entry.credits, entry.ref_type, b.id::text, jsonb_build_object('batch_id', b.id),
    entry.posted_at
FROM batch_jobs AS b
JOIN plan AS p ON p.id = b.id
CROSS JOIN LATERAL (
    SELECT 'spend', -b.frozen_credits, 'batch_upfront', b.created_at + interval '1 second'
    UNION ALL
    SELECT 'refund', b.failed_count * b.cost_per_video, 'batch_refund',
        b.completed_at + CASE WHEN p.n % 200 = 1 THEN interval '1 hour' ELSE interval '0' END
    WHERE b.settlement_status = 'refunded' AND p.n % 1000 <> 2
) AS entry (type, credits, ref_type, posted_at)
ORDER BY entry.posted_at;

INSERT INTO enterprise_api_usage (
    api_key_id, endpoint, created_at, ip, user_agent, request_id, minute_bucket, batch_job_id
)
SELECT k.id, '/api/v1/batches', b.created_at, '203.0.113.4', 'batch-client/1.4', b.request_id,
    date_trunc('minute', b.created_at), b.id
FROM batch_jobs AS b
JOIN enterprise_api_keys AS k ON k.user_id = b.user_id;

-- A probe a minute of one component, of which one in 2,000 fails.
INSERT INTO daybook.probe (target, probed_at, ok, latency_ms)
SELECT 'batch-api', minute + interval '1 second', pg_temp.share(extract(epoch FROM minute)::bigint, 9) > 0.0005, 40
FROM generate_series(:'month'::timestamptz - (:months - 1) * interval '1 month',
    :'month'::timestamptz + interval '1 month' - interval '1 minute', interval '1 minute') AS minute;
