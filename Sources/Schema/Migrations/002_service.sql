-- The service's own tables, on a database that has none of them: the columns of a deployment, with keys led by user_id.
-- A deployment keeps its tables as they are; this is never run there.

CREATE TABLE public.users (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    google_id     text,
    email         text,
    name          text,
    avatar_url    text,
    created_at    timestamptz DEFAULT now(),
    updated_at    timestamptz DEFAULT now(),
    last_login_at timestamptz,
    status        text        DEFAULT 'active',
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_status_known CHECK (status IN ('active', 'inactive', 'banned'))
);

CREATE TABLE public.credit_wallet (
    user_id              uuid        NOT NULL,
    permanent_credits    integer     NOT NULL DEFAULT 0,
    bonus_credits        integer     NOT NULL DEFAULT 0,
    bonus_expires_at     timestamptz,
    starter_purchased_at timestamptz,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credit_wallet_pkey PRIMARY KEY (user_id),
    CONSTRAINT credit_wallet_user_exists FOREIGN KEY (user_id) REFERENCES public.users (id),
    CONSTRAINT credit_wallet_permanent_not_negative CHECK (permanent_credits >= 0),
    CONSTRAINT credit_wallet_bonus_not_negative CHECK (bonus_credits >= 0)
);

CREATE TABLE public.credit_ledger (
    id            bigserial   NOT NULL,
    user_id       uuid        NOT NULL,
    type          text        NOT NULL,
    model         text,
    credits_delta integer     NOT NULL,
    ref_type      text,
    ref_id        text,
    meta          jsonb,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credit_ledger_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT credit_ledger_user_exists FOREIGN KEY (user_id) REFERENCES public.users (id),
    CONSTRAINT credit_ledger_type_known CHECK (type IN ('purchase', 'bonus_grant', 'spend', 'refund', 'adjust')),
    CONSTRAINT credit_ledger_model_known CHECK (model IN ('sora-2', 'veo-flash', 'veo-pro'))
);
CREATE INDEX credit_ledger_created_at ON public.credit_ledger (created_at);
CREATE INDEX credit_ledger_reference ON public.credit_ledger (ref_type, ref_id);

CREATE TABLE public.batch_jobs (
    id                   uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id              uuid        NOT NULL,
    status               text        NOT NULL,
    total_count          integer     NOT NULL,
    success_count        integer     NOT NULL DEFAULT 0,
    failed_count         integer     NOT NULL DEFAULT 0,
    cost_per_video       integer     NOT NULL,
    frozen_credits       integer     NOT NULL DEFAULT 0,
    credits_spent        integer     NOT NULL DEFAULT 0,
    settlement_status    text        NOT NULL DEFAULT 'pending',
    webhook_url          text,
    webhook_status       text,
    webhook_last_error   text,
    webhook_attempts     integer     NOT NULL DEFAULT 0,
    webhook_last_sent_at timestamptz,
    enqueued_at          timestamptz,
    request_id           text,
    source               text,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    completed_at         timestamptz,
    CONSTRAINT batch_jobs_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT batch_jobs_user_exists FOREIGN KEY (user_id) REFERENCES public.users (id),
    CONSTRAINT batch_jobs_status_known CHECK (status IN ('queued', 'processing', 'partial', 'completed', 'failed')),
    CONSTRAINT batch_jobs_settlement_known CHECK (settlement_status IN ('pending', 'finalized', 'refunded')),
    CONSTRAINT batch_jobs_webhook_known CHECK (webhook_status IN ('pending', 'sent', 'failed', 'retrying')),
    CONSTRAINT batch_jobs_counts_fit CHECK (total_count >= success_count + failed_count)
);
CREATE INDEX batch_jobs_created_at ON public.batch_jobs (created_at);

CREATE TABLE public.video_tasks (
    id                     uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id                uuid        NOT NULL,
    grsai_task_id          text,
    model                  text        DEFAULT 'sora-2',
    prompt                 text        NOT NULL,
    reference_url          text,
    aspect_ratio           text        DEFAULT '9:16',
    duration               integer     DEFAULT 10,
    size                   text        DEFAULT 'small',
    status                 text        DEFAULT 'pending',
    progress               integer     DEFAULT 0,
    video_url              text,
    remove_watermark       boolean     DEFAULT true,
    pid                    text,
    failure_reason         text,
    error_message          text,
    webhook_url            text,
    created_at             timestamptz DEFAULT now(),
    updated_at             timestamptz DEFAULT now(),
    completed_at           timestamptz,
    batch_job_id           uuid,
    batch_index            integer,
    attempts               integer     NOT NULL DEFAULT 0,
    last_error             text,
    next_retry_at          timestamptz,
    poll_count             integer     NOT NULL DEFAULT 0,
    last_poll_at           timestamptz,
    failure_type           text,
    external_access_policy jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT video_tasks_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT video_tasks_batch_exists FOREIGN KEY (user_id, batch_job_id) REFERENCES public.batch_jobs (user_id, id),
    CONSTRAINT video_tasks_status_known CHECK (status IN ('pending', 'processing', 'succeeded', 'failed')),
    CONSTRAINT video_tasks_progress_in_range CHECK (progress BETWEEN 0 AND 100)
);
CREATE INDEX video_tasks_batch ON public.video_tasks (user_id, batch_job_id, batch_index);
CREATE INDEX video_tasks_id ON public.video_tasks (id);

CREATE TABLE public.enterprise_api_keys (
    id                 uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id            uuid        NOT NULL,
    api_key            text        NOT NULL,
    name               text,
    is_active          boolean     NOT NULL DEFAULT true,
    rate_limit_per_min integer     NOT NULL DEFAULT 60,
    created_at         timestamptz NOT NULL DEFAULT now(),
    last_seen_at       timestamptz,
    CONSTRAINT enterprise_api_keys_pkey PRIMARY KEY (user_id, id),
    CONSTRAINT enterprise_api_keys_user_exists FOREIGN KEY (user_id) REFERENCES public.users (id)
);

CREATE TABLE public.enterprise_api_usage (
    id            bigint      GENERATED ALWAYS AS IDENTITY,
    user_id       uuid        NOT NULL,
    api_key_id    uuid,
    endpoint      text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    ip            text,
    user_agent    text,
    request_id    text,
    minute_bucket timestamptz,
    batch_job_id  uuid,
    CONSTRAINT enterprise_api_usage_pkey PRIMARY KEY (user_id, id)
);
CREATE INDEX enterprise_api_usage_request ON public.enterprise_api_usage (request_id) WHERE request_id IS NOT NULL;

-- The access log is partitioned by month. A row without an instant, or of a month that has no partition yet, waits in the
-- default one: an insert never fails. No key is unique, because created_at may be null, as in a deployment.
CREATE TABLE public.video_external_access_log (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    video_id        uuid        NOT NULL,
    user_id         uuid,
    owner_id        uuid,
    action          text        NOT NULL,
    source          text        NOT NULL,
    policy_snapshot jsonb       NOT NULL,
    created_at      timestamptz DEFAULT now(),
    CONSTRAINT video_external_access_log_action_known CHECK (action IN ('generate', 'play', 'download', 'embed', 'share'))
) PARTITION BY RANGE (created_at);
CREATE TABLE public.video_external_access_log_default PARTITION OF public.video_external_access_log DEFAULT;
CREATE INDEX video_external_access_log_owner ON public.video_external_access_log (owner_id, created_at, id);
CREATE INDEX video_external_access_log_video ON public.video_external_access_log (video_id);
CREATE INDEX video_external_access_log_created_at ON public.video_external_access_log (created_at);
