-- A deployment of the batch service as it really lives: its tables, keys, indexes, triggers, policies, and its own functions with what
-- they really do. Loaded into an empty database; life.sql plays the application on it.
CREATE SCHEMA auth;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.sub', true), '')::uuid $$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.role', true), '') $$;

CREATE TABLE public.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), google_id text UNIQUE NOT NULL, email text UNIQUE NOT NULL, name text, avatar_url text,
    credits integer DEFAULT 0, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), last_login_at timestamptz,
    status text DEFAULT 'active' CHECK (status IN ('active', 'inactive', 'banned')));
CREATE TABLE public.credit_wallet (
    user_id uuid PRIMARY KEY REFERENCES public.users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    permanent_credits integer NOT NULL DEFAULT 0 CHECK (permanent_credits >= 0),
    bonus_credits integer NOT NULL DEFAULT 0 CHECK (bonus_credits >= 0), bonus_expires_at timestamptz, starter_purchased_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE public.credit_ledger (
    id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    type text NOT NULL CHECK (type IN ('purchase', 'bonus_grant', 'spend', 'refund', 'adjust')),
    model text CHECK (model IN ('sora-2', 'veo-flash', 'veo-pro')), credits_delta integer NOT NULL,
    ref_type text, ref_id text, meta jsonb, request_id text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE public.credit_adjustments (
    id bigserial PRIMARY KEY, user_id uuid NOT NULL REFERENCES public.users (id), admin_id text, delta integer NOT NULL, credit_type text,
    reason text, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE public.batch_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
    status text NOT NULL CHECK (status IN ('queued', 'processing', 'partial', 'completed', 'failed')),
    total_count int NOT NULL, success_count int NOT NULL DEFAULT 0, failed_count int NOT NULL DEFAULT 0,
    cost_per_video int NOT NULL, frozen_credits int NOT NULL DEFAULT 0, credits_spent int NOT NULL DEFAULT 0,
    settlement_status text NOT NULL DEFAULT 'pending' CHECK (settlement_status IN ('pending', 'finalized', 'refunded')),
    webhook_url text, webhook_status text CHECK (webhook_status IN ('pending', 'sent', 'failed', 'retrying')), webhook_last_error text,
    webhook_attempts int NOT NULL DEFAULT 0, webhook_last_sent_at timestamptz, enqueued_at timestamptz, request_id text, source text,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz);
CREATE TABLE public.video_tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, grsai_task_id text,
    model text DEFAULT 'sora-2', prompt text NOT NULL, reference_url text, aspect_ratio text DEFAULT '9:16', duration integer DEFAULT 10,
    size text DEFAULT 'small', status text DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'succeeded', 'failed')),
    progress integer DEFAULT 0 CHECK (progress >= 0 AND progress <= 100), video_url text, remove_watermark boolean DEFAULT true, pid text,
    failure_reason text, error_message text, webhook_url text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
    completed_at timestamptz, batch_job_id uuid REFERENCES public.batch_jobs (id), batch_index int, attempts int NOT NULL DEFAULT 0,
    last_error text, next_retry_at timestamptz, poll_count int NOT NULL DEFAULT 0, last_poll_at timestamptz, failure_type text,
    external_access_policy jsonb NOT NULL DEFAULT '{}', meta jsonb, prompt_template_id uuid, scene_id text, variant_label text);
CREATE TABLE public.enterprise_api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid NOT NULL REFERENCES public.users (id) ON DELETE CASCADE,
    api_key text NOT NULL UNIQUE, name text, is_active boolean NOT NULL DEFAULT true, rate_limit_per_min int NOT NULL DEFAULT 60,
    created_at timestamptz NOT NULL DEFAULT now(), last_seen_at timestamptz);
CREATE TABLE public.enterprise_api_usage (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, api_key_id uuid REFERENCES public.enterprise_api_keys (id) ON DELETE SET NULL,
    endpoint text, created_at timestamptz NOT NULL DEFAULT now(), ip text, user_agent text, request_id text, minute_bucket timestamptz,
    batch_job_id uuid);
CREATE TABLE public.video_external_access_log (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), video_id uuid NOT NULL, user_id uuid, action text NOT NULL, source text NOT NULL,
    policy_snapshot jsonb NOT NULL, created_at timestamptz DEFAULT now());
CREATE TABLE public.recharge_records (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), user_id uuid REFERENCES public.users (id) ON DELETE CASCADE, amount numeric, credits integer,
    payment_method text, payment_id text, status text, created_at timestamptz DEFAULT now());
CREATE TABLE public.legacy_credits_audit (id bigserial PRIMARY KEY, user_id uuid, before integer, after integer, at timestamptz DEFAULT now());

-- There is no full index on video_tasks (batch_job_id).
CREATE INDEX ON public.credit_ledger (user_id);
CREATE INDEX ON public.credit_ledger (type);
CREATE INDEX ON public.credit_ledger (created_at DESC);
CREATE INDEX ON public.credit_ledger (ref_type, ref_id);
CREATE INDEX ON public.credit_ledger (user_id, request_id, type);
CREATE INDEX ON public.credit_wallet (bonus_expires_at);
CREATE INDEX ON public.batch_jobs (user_id);
CREATE INDEX ON public.batch_jobs (status, created_at DESC);
CREATE INDEX ON public.batch_jobs (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX ON public.video_tasks (user_id);
CREATE INDEX ON public.video_tasks (status);
CREATE INDEX ON public.video_tasks (created_at DESC);
CREATE INDEX ON public.video_tasks (grsai_task_id);
CREATE INDEX ON public.video_tasks (batch_job_id, status, poll_count, last_poll_at) WHERE status = 'processing' AND grsai_task_id IS NOT NULL;
CREATE UNIQUE INDEX enterprise_usage_api_key_request_id_uniq ON public.enterprise_api_usage (api_key_id, request_id)
    WHERE request_id IS NOT NULL;
CREATE INDEX ON public.video_external_access_log (video_id);

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = NOW();
    RETURN NEW;
END $$;
CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_video_tasks_updated_at BEFORE UPDATE ON public.video_tasks
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE TRIGGER update_credit_wallet_updated_at BEFORE UPDATE ON public.credit_wallet
    FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
CREATE FUNCTION public.audit_legacy_credits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.legacy_credits_audit (user_id, before, after) VALUES (NEW.id, OLD.credits, NEW.credits);
    RETURN NEW;
END $$;
CREATE TRIGGER audit_legacy_credits AFTER UPDATE OF credits ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.audit_legacy_credits();

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_select ON public.users FOR SELECT USING (auth.uid() = id);
CREATE POLICY own_insert ON public.users FOR INSERT WITH CHECK (auth.uid() = id);
CREATE POLICY own_update ON public.users FOR UPDATE USING (auth.uid() = id);
CREATE POLICY service_all ON public.users USING (auth.role() = 'service_role');
ALTER TABLE public.video_tasks ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_select ON public.video_tasks FOR SELECT USING (auth.uid() = user_id);
CREATE POLICY own_insert ON public.video_tasks FOR INSERT WITH CHECK (auth.uid() = user_id);
CREATE POLICY own_update ON public.video_tasks FOR UPDATE USING (auth.uid() = user_id);
CREATE POLICY service_all ON public.video_tasks USING (auth.role() = 'service_role');

-- The repaired one: as it was first written, a parameter that bears a column's name makes it fail on every call.
CREATE FUNCTION public.add_credits_to_wallet(
    user_uuid uuid, permanent_amount integer, bonus_amount integer, bonus_until timestamptz DEFAULT NULL, is_starter boolean DEFAULT false
) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.credit_wallet AS w (user_id, permanent_credits, bonus_credits, bonus_expires_at, starter_purchased_at)
    VALUES (user_uuid, permanent_amount, bonus_amount, bonus_until, CASE WHEN is_starter THEN NOW() END)
    ON CONFLICT (user_id) DO UPDATE SET permanent_credits = w.permanent_credits + permanent_amount,
        bonus_credits = w.bonus_credits + bonus_amount, bonus_expires_at = greatest(w.bonus_expires_at, bonus_until);
    IF permanent_amount > 0 THEN
        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type) VALUES (user_uuid, 'purchase', permanent_amount, 'stripe_payment');
    END IF;
    IF bonus_amount > 0 THEN
        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, meta)
        VALUES (user_uuid, 'bonus_grant', bonus_amount, 'stripe_payment', jsonb_build_object('expires_at', bonus_until));
    END IF;
    RETURN jsonb_build_object('success', true);
END $$;

CREATE FUNCTION public.deduct_credits_from_wallet(user_uuid uuid, credits_needed integer, model_type text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    wallet public.credit_wallet;
    from_bonus integer := 0;
BEGIN
    SELECT * INTO wallet FROM public.credit_wallet WHERE user_id = user_uuid;
    IF NOT FOUND THEN
        INSERT INTO public.credit_wallet (user_id) VALUES (user_uuid) RETURNING * INTO wallet;
    END IF;
    IF model_type <> 'veo-pro' AND wallet.bonus_credits > 0 AND (wallet.bonus_expires_at IS NULL OR wallet.bonus_expires_at > NOW()) THEN
        from_bonus := least(wallet.bonus_credits, credits_needed);
    END IF;
    IF wallet.permanent_credits < credits_needed - from_bonus THEN
        RETURN jsonb_build_object('success', false, 'error', 'Insufficient credits');
    END IF;
    UPDATE public.credit_wallet SET bonus_credits = bonus_credits - from_bonus,
        permanent_credits = permanent_credits - (credits_needed - from_bonus)
    WHERE user_id = user_uuid;
    IF from_bonus > 0 THEN
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type) VALUES (user_uuid, 'spend', model_type, -from_bonus, 'bonus_credits');
    END IF;
    IF credits_needed > from_bonus THEN
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type)
        VALUES (user_uuid, 'spend', model_type, from_bonus - credits_needed, 'permanent_credits');
    END IF;
    RETURN jsonb_build_object('success', true, 'bonus_used', from_bonus, 'permanent_used', credits_needed - from_bonus);
END $$;

CREATE FUNCTION public.freeze_credits_for_batch(p_batch_id uuid, p_user_id uuid, p_amount integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    batch public.batch_jobs;
    wallet public.credit_wallet;
    from_bonus integer := 0;
BEGIN
    IF p_amount <= 0 THEN
        RETURN jsonb_build_object('ok', true, 'skipped', true, 'reason', 'NON_POSITIVE_AMOUNT');
    END IF;
    SELECT * INTO batch FROM public.batch_jobs WHERE id = p_batch_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('ok', false, 'error', 'BATCH_NOT_FOUND');
    END IF;
    IF batch.frozen_credits >= p_amount OR EXISTS (
        SELECT FROM public.credit_ledger WHERE user_id = p_user_id AND ref_type = 'batch_upfront' AND ref_id = p_batch_id::text)
    THEN
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', batch.frozen_credits);
    END IF;
    SELECT * INTO wallet FROM public.credit_wallet WHERE user_id = p_user_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('ok', false, 'error', 'WALLET_NOT_FOUND');
    END IF;
    IF wallet.bonus_credits > 0 AND (wallet.bonus_expires_at IS NULL OR wallet.bonus_expires_at > NOW()) THEN
        from_bonus := least(wallet.bonus_credits, p_amount);
    END IF;
    IF wallet.permanent_credits < p_amount - from_bonus THEN
        RETURN jsonb_build_object('ok', false, 'error', 'INSUFFICIENT_CREDITS');
    END IF;
    UPDATE public.credit_wallet SET bonus_credits = bonus_credits - from_bonus, permanent_credits = permanent_credits - (p_amount - from_bonus)
    WHERE user_id = p_user_id;
    IF from_bonus > 0 THEN
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta)
        VALUES (p_user_id, 'spend', 'sora-2', -from_bonus, 'batch_upfront', p_batch_id::text,
            jsonb_build_object('batch_id', p_batch_id, 'use_bonus', true));
    END IF;
    IF p_amount > from_bonus THEN
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta)
        VALUES (p_user_id, 'spend', 'sora-2', from_bonus - p_amount, 'batch_upfront', p_batch_id::text,
            jsonb_build_object('batch_id', p_batch_id, 'use_permanent', true));
    END IF;
    UPDATE public.batch_jobs SET frozen_credits = p_amount WHERE id = p_batch_id;
    RETURN jsonb_build_object('ok', true, 'frozen', p_amount, 'bonus_used', from_bonus, 'permanent_used', p_amount - from_bonus);
END $$;

CREATE FUNCTION public.finalize_batch_credits(p_batch_id uuid, p_user_id uuid, p_spent integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    batch public.batch_jobs;
    spent integer := greatest(p_spent, 0);
    refund integer;
BEGIN
    SELECT * INTO batch FROM public.batch_jobs WHERE id = p_batch_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('ok', false, 'error', 'BATCH_NOT_FOUND');
    END IF;
    IF batch.settlement_status IN ('finalized', 'refunded') OR EXISTS (
        SELECT FROM public.credit_ledger WHERE user_id = p_user_id AND ref_type = 'batch_refund' AND ref_id = p_batch_id::text)
    THEN
        RETURN jsonb_build_object('ok', true, 'already', true);
    END IF;
    refund := greatest(batch.frozen_credits - spent, 0);
    IF refund > 0 THEN
        UPDATE public.credit_wallet SET permanent_credits = permanent_credits + refund WHERE user_id = p_user_id;
        INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta)
        VALUES (p_user_id, 'refund', 'sora-2', refund, 'batch_refund', p_batch_id::text,
            jsonb_build_object('batch_id', p_batch_id, 'refund_to', 'permanent'));
    END IF;
    UPDATE public.batch_jobs SET credits_spent = spent, settlement_status = CASE WHEN refund > 0 THEN 'refunded' ELSE 'finalized' END
    WHERE id = p_batch_id;
    RETURN jsonb_build_object('ok', true, 'frozen', batch.frozen_credits, 'spent', spent, 'refund', refund);
END $$;

-- A grant of bonus extends the one expiry of the whole wallet. A decrease stops at 0 in the wallet, and is booked whole.
CREATE FUNCTION public.admin_adjust_user_credits(
    p_user_id uuid, p_admin_id text, p_delta integer, p_reason text, p_adjustment_type text, p_related_type text, p_related_id text,
    p_credit_type text DEFAULT 'permanent', p_bonus_expires_days integer DEFAULT NULL
) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    wallet public.credit_wallet;
BEGIN
    IF p_delta = 0 THEN RAISE EXCEPTION 'delta must not be zero'; END IF;
    IF p_credit_type NOT IN ('permanent', 'bonus') THEN RAISE EXCEPTION 'unknown credit type'; END IF;
    INSERT INTO public.credit_wallet (user_id) VALUES (p_user_id) ON CONFLICT DO NOTHING;
    SELECT * INTO wallet FROM public.credit_wallet WHERE user_id = p_user_id FOR UPDATE;
    IF wallet.bonus_expires_at <= NOW() THEN
        UPDATE public.credit_wallet SET bonus_credits = 0, bonus_expires_at = NULL WHERE user_id = p_user_id RETURNING * INTO wallet;
    END IF;
    IF wallet.permanent_credits + wallet.bonus_credits + p_delta < 0 THEN RAISE EXCEPTION 'the result would be negative'; END IF;
    IF p_credit_type = 'permanent' THEN
        UPDATE public.credit_wallet SET permanent_credits = greatest(permanent_credits + p_delta, 0) WHERE user_id = p_user_id;
    ELSE
        UPDATE public.credit_wallet SET bonus_credits = greatest(bonus_credits + p_delta, 0),
            bonus_expires_at = CASE WHEN p_delta < 0 THEN bonus_expires_at
                WHEN p_bonus_expires_days IS NULL THEN coalesce(bonus_expires_at, NOW() + interval '7 days')
                ELSE greatest(bonus_expires_at, NOW() + make_interval(days => p_bonus_expires_days)) END
        WHERE user_id = p_user_id;
    END IF;
    INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, meta)
    VALUES (p_user_id, 'adjust', p_delta, 'admin', p_admin_id, jsonb_build_object('adjustment_type', p_adjustment_type, 'credit_type',
        p_credit_type, 'reason', p_reason, 'related_type', p_related_type, 'related_id', p_related_id, 'bonus_expires_days', p_bonus_expires_days));
    INSERT INTO public.credit_adjustments (user_id, admin_id, delta, credit_type, reason)
    VALUES (p_user_id, p_admin_id, p_delta, p_credit_type, p_reason);
    RETURN jsonb_build_object('success', true);
END $$;
REVOKE ALL ON FUNCTION public.admin_adjust_user_credits(uuid, text, integer, text, text, text, text, text, integer) FROM PUBLIC;

CREATE FUNCTION public.get_total_available_credits(user_uuid uuid) RETURNS integer LANGUAGE sql AS $$
    SELECT coalesce((SELECT permanent_credits + CASE WHEN bonus_expires_at > NOW() THEN bonus_credits ELSE 0 END
        FROM public.credit_wallet WHERE user_id = user_uuid), 0)
$$;
