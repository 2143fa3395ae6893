"""The tables of a deployment, and their columns in the order of its rows."""

CREATE_TABLES = """\
CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), google_id text UNIQUE NOT NULL, email text UNIQUE NOT NULL, name text, avatar_url text,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), last_login_at timestamptz,
  status text DEFAULT 'active' CHECK (status IN ('active', 'inactive', 'banned')));
CREATE TABLE credit_wallet (
  user_id uuid PRIMARY KEY REFERENCES users(id) ON DELETE CASCADE,
  permanent_credits integer NOT NULL DEFAULT 0 CHECK (permanent_credits >= 0),
  bonus_credits integer NOT NULL DEFAULT 0 CHECK (bonus_credits >= 0), bonus_expires_at timestamptz, starter_purchased_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE credit_ledger (
  id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  type text NOT NULL CHECK (type IN ('purchase', 'bonus_grant', 'spend', 'refund', 'adjust')),
  model text CHECK (model IN ('sora-2', 'veo-flash', 'veo-pro')), credits_delta integer NOT NULL,
  ref_type text, ref_id text, meta jsonb, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE batch_jobs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  status text NOT NULL CHECK (status IN ('queued', 'processing', 'partial', 'completed', 'failed')),
  total_count int NOT NULL, success_count int NOT NULL DEFAULT 0, failed_count int NOT NULL DEFAULT 0,
  cost_per_video int NOT NULL, frozen_credits int NOT NULL DEFAULT 0, credits_spent int NOT NULL DEFAULT 0,
  settlement_status text NOT NULL DEFAULT 'pending' CHECK (settlement_status IN ('pending', 'finalized', 'refunded')),
  webhook_url text, webhook_status text CHECK (webhook_status IN ('pending', 'sent', 'failed', 'retrying')), webhook_last_error text,
  webhook_attempts int NOT NULL DEFAULT 0, webhook_last_sent_at timestamptz, enqueued_at timestamptz, request_id text, source text,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz);
CREATE TABLE video_tasks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE, grsai_task_id text,
  model text DEFAULT 'sora-2', prompt text NOT NULL, reference_url text, aspect_ratio text DEFAULT '9:16', duration integer DEFAULT 10,
  size text DEFAULT 'small', status text DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'succeeded', 'failed')),
  progress integer DEFAULT 0 CHECK (progress >= 0 AND progress <= 100), video_url text, remove_watermark boolean DEFAULT true, pid text,
  failure_reason text, error_message text, webhook_url text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
  completed_at timestamptz, batch_job_id uuid REFERENCES batch_jobs(id), batch_index int, attempts int NOT NULL DEFAULT 0, last_error text,
  next_retry_at timestamptz, poll_count int NOT NULL DEFAULT 0, last_poll_at timestamptz, failure_type text,
  external_access_policy jsonb NOT NULL DEFAULT '{}');
CREATE TABLE enterprise_api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE, api_key text NOT NULL UNIQUE,
  name text, is_active boolean NOT NULL DEFAULT true, rate_limit_per_min int NOT NULL DEFAULT 60,
  created_at timestamptz NOT NULL DEFAULT now(), last_seen_at timestamptz);
CREATE TABLE enterprise_api_usage (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, api_key_id uuid REFERENCES enterprise_api_keys(id) ON DELETE SET NULL, endpoint text,
  created_at timestamptz NOT NULL DEFAULT now(), ip text, user_agent text, request_id text, minute_bucket timestamptz, batch_job_id uuid);
CREATE UNIQUE INDEX enterprise_usage_api_key_request_id_uniq ON enterprise_api_usage (api_key_id, request_id) WHERE request_id IS NOT NULL;
CREATE TABLE video_external_access_log (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), video_id uuid NOT NULL, user_id uuid, action text NOT NULL, source text NOT NULL,
  policy_snapshot jsonb NOT NULL, created_at timestamptz DEFAULT now());
CREATE INDEX ON credit_ledger (user_id);
CREATE INDEX ON credit_ledger (created_at DESC);
CREATE INDEX ON credit_ledger (ref_type, ref_id);
CREATE INDEX ON batch_jobs (user_id);
CREATE INDEX ON video_tasks (batch_job_id);
CREATE INDEX ON video_tasks (user_id);
CREATE INDEX ON video_external_access_log (video_id);
CREATE INDEX ON video_external_access_log (created_at DESC);
"""

COLUMNS = {
    "users": (
        "id google_id email name avatar_url created_at updated_at last_login_at status"
    ),
    "credit_wallet": (
        "user_id permanent_credits bonus_credits bonus_expires_at starter_purchased_at created_at updated_at"
    ),
    "credit_ledger": (
        "id user_id type model credits_delta ref_type ref_id meta created_at"
    ),
    "batch_jobs": (
        "id user_id status total_count success_count failed_count cost_per_video frozen_credits credits_spent "
        "settlement_status webhook_url webhook_status webhook_last_error webhook_attempts "
        "webhook_last_sent_at enqueued_at request_id source created_at updated_at completed_at"
    ),
    "video_tasks": (
        "id user_id grsai_task_id model prompt reference_url aspect_ratio duration size status progress "
        "video_url remove_watermark pid failure_reason error_message webhook_url created_at updated_at "
        "completed_at batch_job_id batch_index attempts last_error next_retry_at poll_count last_poll_at "
        "failure_type external_access_policy"
    ),
    "enterprise_api_keys": (
        "id user_id api_key name is_active rate_limit_per_min created_at last_seen_at"
    ),
    "enterprise_api_usage": (
        "id api_key_id endpoint created_at ip user_agent request_id minute_bucket batch_job_id"
    ),
    "video_external_access_log": (
        "id video_id user_id action source policy_snapshot created_at"
    ),
}
COLUMNS = {table: columns.split() for table, columns in COLUMNS.items()}
