-- Old callers: what did not fail before the engine came does not fail now. It is answered, what is true is booked, and
-- the rest is found by the ledger's verification.

-- Writes one ledger row and what stands behind it; gives its id. The caller holds the wallet. A model that the ledger's
-- own CHECK does not know is kept in meta.
CREATE OR REPLACE FUNCTION daybook.post(
    p_user uuid, p_kind text, p_type text, p_model text, p_credits bigint, p_cost_usd numeric, p_ref_type text,
    p_ref_id text, p_lot bigint, p_bucket text, p_batch uuid, p_tranche integer, p_author text, p_reason text,
    p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint;
    v_is_known boolean := coalesce(p_model, '') IN ('', 'sora-2', 'veo-flash', 'veo-pro');
BEGIN
    INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
    VALUES (p_user, p_type, CASE WHEN v_is_known THEN nullif(p_model, '') END, p_credits, p_ref_type, p_ref_id,
        jsonb_strip_nulls(jsonb_build_object(
            'bucket', p_bucket, 'lot_id', p_lot, 'batch_id', p_batch, 'author', p_author, 'reason', p_reason,
            'tranche', CASE WHEN p_batch IS NOT NULL THEN p_tranche END,
            'model', CASE WHEN NOT v_is_known THEN p_model END,
            CASE WHEN p_kind = 'purchase' THEN 'usd' ELSE 'cost_usd' END, p_cost_usd)),
        p_at)
    RETURNING id INTO v_id;
    INSERT INTO daybook.entry (
        user_id, entry_id, kind, lot_id, batch_id, tranche, model, credits, cost_usd, reference, author, reason,
        effective_at)
    VALUES (p_user, v_id, p_kind, p_lot, p_batch, p_tranche, coalesce(p_model, ''), p_credits, p_cost_usd,
        CASE WHEN p_kind IN ('purchase', 'grant', 'adjustment') THEN p_ref_id END, p_author, p_reason, p_at);
    RETURN v_id;
END $$;

-- Freezes a batch: one spend row a lot and model, all or nothing. Bonus pays for everything but veo-pro. The caller
-- holds the batch. Raises DB402 where credit is missing.
CREATE OR REPLACE FUNCTION daybook.freeze(p_user uuid, p_batch uuid, p_models text[], p_credits bigint[])
RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_lot daybook.lot;
    v_need record;
    v_left bigint;
    v_take bigint;
    v_cost numeric;
    v_draw integer := 0;
BEGIN
    FOR v_need IN
        SELECT model, credits, model <> 'veo-pro' AS takes_bonus
        FROM unnest(p_models, p_credits) AS n (model, credits)
        WHERE credits > 0
        ORDER BY model COLLATE "C"
    LOOP
        v_left := v_need.credits;
        FOR v_lot IN
            SELECT * FROM daybook.lot
            WHERE user_id = p_user AND remaining > 0 AND (kind = 'purchased' OR v_need.takes_bonus)
            ORDER BY kind = 'purchased', priority, expires_at, opened_at, lot_id
        LOOP
            EXIT WHEN v_left = 0;
            v_take := least(v_left, v_lot.remaining);
            v_cost := daybook.cost_share(v_lot.remaining_cost_usd, v_take, v_lot.remaining);
            UPDATE daybook.lot SET remaining = remaining - v_take, remaining_cost_usd = remaining_cost_usd - v_cost
            WHERE user_id = p_user AND lot_id = v_lot.lot_id;
            v_draw := v_draw + 1;
            INSERT INTO daybook.draw (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
            VALUES (p_user, p_batch, v_draw, v_lot.lot_id, v_need.model, v_take, v_cost);
            PERFORM daybook.post(p_user, 'freeze', 'spend', v_need.model, -v_take, v_cost, 'batch_upfront',
                p_batch::text, v_lot.lot_id, CASE v_lot.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END, p_batch,
                0, NULL, NULL, v_now);
            v_left := v_left - v_take;
        END LOOP;
        IF v_left > 0 THEN
            RAISE EXCEPTION 'insufficient credits'
                USING ERRCODE = 'DB402', DETAIL = (SELECT sum(c) FROM unnest(p_credits) AS c)::text;
        END IF;
    END LOOP;
    UPDATE daybook.batch
    SET frozen = (SELECT coalesce(sum(c), 0) FROM unnest(p_credits) AS c), frozen_at = v_now, flushed_at = v_now
    WHERE user_id = p_user AND batch_id = p_batch;
    UPDATE public.batch_jobs
    SET frozen_credits = (SELECT coalesce(sum(c), 0) FROM unnest(p_credits) AS c), updated_at = v_now
    WHERE user_id = p_user AND id = p_batch;
    PERFORM daybook.write_wallet(p_user, v_now);
    RETURN v_now;
END $$;

-- The models that an old caller's freeze pays for, and the credits of each: those of the batch's tasks, where their
-- prices add up to the amount or there is only one; a task without a model has the one that the price names, else
-- sora-2.
CREATE FUNCTION daybook.models_to_freeze(
    p_user uuid, p_batch uuid, p_amount bigint, OUT models text[], OUT credits bigint[]
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_named text;
    v_pro bigint;
BEGIN
    SELECT CASE cost_per_video WHEN 50 THEN 'veo-flash' WHEN 250 THEN 'veo-pro' ELSE 'sora-2' END INTO v_named
    FROM public.batch_jobs WHERE user_id = p_user AND id = p_batch;
    SELECT array_agg(model), array_agg(cost), coalesce(sum(cost) FILTER (WHERE model = 'veo-pro'), 0)
    INTO models, credits, v_pro
    FROM (
        SELECT coalesce(nullif(t.model, ''), v_named) AS model,
            sum(coalesce(f.cost_credits, j.cost_per_video))::bigint AS cost
        FROM public.video_tasks AS t
        JOIN public.batch_jobs AS j ON j.user_id = t.user_id AND j.id = t.batch_job_id
        LEFT JOIN daybook.task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
        WHERE t.user_id = p_user AND t.batch_job_id = p_batch
        GROUP BY 1
    ) AS m;
    IF models IS NULL THEN
        models := ARRAY[v_named];
        credits := ARRAY[p_amount];
    ELSIF cardinality(models) = 1 THEN
        credits := ARRAY[p_amount];
    ELSIF (SELECT sum(c) FROM unnest(credits) AS c) <> p_amount THEN
        -- Nobody knows which is which, but bonus pays for no more than what cannot be veo-pro.
        v_pro := least(v_pro, p_amount);
        models := ARRAY['', 'veo-pro'];
        credits := ARRAY[p_amount - v_pro, v_pro];
    END IF;
END $$;

-- Freezes credits for a batch. Calling it again with the same amount changes nothing and says so, a batch that is over
-- stays as it is; anything else raises.
CREATE OR REPLACE FUNCTION public.freeze_credits_for_batch(p_batch_id uuid, p_user_id uuid, p_amount integer)
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_need record;
BEGIN
    IF p_amount IS NULL OR p_amount <= 0 THEN RETURN jsonb_build_object('ok', true, 'skipped', true); END IF;
    v_batch := daybook.hold_batch(p_batch_id, p_user_id);
    IF v_batch.frozen_at IS NOT NULL THEN
        -- Where the application froze less than it wrote down, its amount is the one that it wrote.
        IF v_batch.frozen <> p_amount AND NOT (
            v_batch.owner = 'app' AND p_amount > v_batch.frozen
            AND daybook.said_frozen(p_user_id, p_batch_id) = p_amount
        ) THEN
            RAISE EXCEPTION 'batch % has frozen % credits already, not %', p_batch_id, v_batch.frozen, p_amount
                USING ERRCODE = 'DB409';
        END IF;
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', v_batch.frozen);
    END IF;
    IF v_batch.settled_at IS NOT NULL OR v_batch.owner = 'app' AND EXISTS (
        SELECT FROM public.batch_jobs
        WHERE user_id = p_user_id AND id = p_batch_id AND settlement_status IN ('finalized', 'refunded'))
    THEN
        -- Settled with nothing: credit that was taken now would never come back.
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', v_batch.frozen);
    END IF;
    v_need := daybook.models_to_freeze(p_user_id, p_batch_id, p_amount);
    PERFORM daybook.freeze(p_user_id, p_batch_id, v_need.models, v_need.credits);
    RETURN jsonb_build_object('ok', true, 'already', false, 'frozen', p_amount);
END $$;

-- Settles a batch. One of the engine's is counted from its tasks; one of the old application's honours p_spent within
-- 0…frozen, and what lies outside counts as the end that is nearer. Where nothing was frozen nothing is booked. It
-- answers where it answered before, because an error stops the application's settle loop for good.
CREATE OR REPLACE FUNCTION public.finalize_batch_credits(p_batch_id uuid, p_user_id uuid, p_spent integer)
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_now timestamptz;
    v_spent bigint := coalesce(p_spent, 0);
    v_status text;
BEGIN
    SELECT settlement_status INTO v_status FROM public.batch_jobs WHERE id = p_batch_id AND user_id = p_user_id;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM daybook.batch WHERE user_id = p_user_id AND batch_id = p_batch_id) THEN
        RETURN jsonb_build_object('ok', false, 'error', 'BATCH_NOT_FOUND');
    END IF;
    v_batch := daybook.hold_batch(p_batch_id, p_user_id);
    -- What the application had settled without the engine, with credit or without, stays as it wrote it.
    IF v_batch.settled_at IS NOT NULL OR v_batch.owner = 'app' AND v_status IN ('finalized', 'refunded') THEN
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', v_batch.frozen, 'spent', v_batch.spent,
            'refund', v_batch.refunded);
    END IF;
    IF v_batch.owner = 'engine' THEN
        IF NOT daybook.settle(p_user_id, p_batch_id) THEN
            RAISE EXCEPTION 'batch % still has open tasks', p_batch_id USING ERRCODE = 'DB409';
        END IF;
    ELSE
        -- Credit that went back before cannot have been spent.
        v_spent := greatest(least(v_spent, v_batch.frozen - v_batch.refunded), 0);
        v_now := daybook.give_back(
            p_user_id, p_batch_id, ARRAY[NULL]::text[], ARRAY[v_batch.frozen - v_batch.refunded - v_spent]);
        UPDATE daybook.batch SET spent = v_spent, settled_at = v_now
        WHERE user_id = p_user_id AND batch_id = p_batch_id;
        UPDATE public.batch_jobs
        SET credits_spent = v_spent, updated_at = v_now,
            settlement_status = CASE WHEN v_spent = 0 THEN 'refunded' ELSE 'finalized' END
        WHERE user_id = p_user_id AND id = p_batch_id;
    END IF;
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user_id AND batch_id = p_batch_id;
    RETURN jsonb_build_object('ok', true, 'already', false, 'frozen', v_batch.frozen, 'spent', v_batch.spent,
        'refund', v_batch.refunded);
END $$;

REVOKE ALL ON FUNCTION
    daybook.post, daybook.freeze, daybook.models_to_freeze,
    public.freeze_credits_for_batch(uuid, uuid, integer), public.finalize_batch_credits(uuid, uuid, integer)
FROM PUBLIC;
