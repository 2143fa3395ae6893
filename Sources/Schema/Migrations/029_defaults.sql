-- What is not written down and is known all the same: the model of a task that names none, and when a batch was settled
-- of which the application wrote no date.

-- The default model of an owner's contract profile in the month that holds an instant. A month begins where the one
-- before it ended by its own terms, and is judged by the last version of the profile that was imported before it ended,
-- else by the first.
CREATE FUNCTION daybook.default_model(p_user uuid, p_at timestamptz) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_zone text := 'UTC';
    v_profile text := 'standard';
    v_from date := '0001-01-01';
    v_end timestamptz;
    v_model text;
BEGIN
    SELECT h.time_zone, h.contract_profile, h.from_month INTO v_zone, v_profile, v_from
    FROM (
        SELECT t.*, lag(t.time_zone) OVER (ORDER BY t.from_month) AS zone_before
        FROM daybook.account_terms AS t WHERE t.user_id = p_user
    ) AS h
    WHERE h.zone_before IS NULL OR daybook.first_instant(h.from_month, h.zone_before) <= p_at
    ORDER BY h.from_month DESC LIMIT 1;
    v_end := daybook.first_instant(
        (greatest(coalesce(v_from, '0001-01-01'), date_trunc('month', p_at AT TIME ZONE coalesce(v_zone, 'UTC'))::date)
            + interval '1 month')::date, coalesce(v_zone, 'UTC'));
    SELECT v.document::jsonb ->> 'default_model' INTO v_model
    FROM (
        SELECT version, document, imported_at FROM daybook.contract_profile WHERE name = coalesce(v_profile, 'standard')
        UNION ALL
        -- The program brings the first version of the standard profile along.
        SELECT 1, '{}', '-infinity' WHERE coalesce(v_profile, 'standard') = 'standard'
            AND NOT EXISTS (SELECT FROM daybook.contract_profile WHERE name = 'standard' AND version = 1)
    ) AS v
    ORDER BY v.imported_at < v_end DESC, CASE WHEN v.imported_at < v_end THEN v.version END DESC, v.imported_at
    LIMIT 1;
    RETURN coalesce(v_model, 'sora-2');
END $$;

-- When a batch was settled: as it was written down, else as it was captured, else its first refund, else the end of its
-- last task, else its creation. Never updated_at of the batch, which any later write moves.
CREATE FUNCTION daybook.settlement_instant(p_user uuid, p_batch uuid) RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(j.completed_at, f.settled_at, (
            SELECT min(l.created_at) FROM public.credit_ledger AS l
            WHERE l.user_id = p_user AND l.ref_type = 'batch_refund' AND l.ref_id = p_batch::text
        ), (
            SELECT max(coalesce(t.completed_at, k.terminal_at, t.updated_at)) FROM public.video_tasks AS t
            LEFT JOIN daybook.task_fact AS k ON k.user_id = t.user_id AND k.task_id = t.id
            WHERE t.batch_job_id = p_batch
        ), j.created_at)
    FROM public.batch_jobs AS j
    LEFT JOIN daybook.settlement_fact AS f ON f.user_id = j.user_id AND f.batch_id = j.id
    WHERE j.user_id = p_user AND j.id = p_batch
$$;

-- The models that an old caller's freeze pays for, and the credits of each: those of the batch's tasks, where their
-- prices add up to the amount or there is only one; a task without a model has the one that the price names, else the
-- default model of its owner's month.
CREATE OR REPLACE FUNCTION daybook.models_to_freeze(
    p_user uuid, p_batch uuid, p_amount bigint, OUT models text[], OUT credits bigint[]
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_named text;
    v_pro bigint;
BEGIN
    SELECT CASE cost_per_video WHEN 10 THEN 'sora-2' WHEN 50 THEN 'veo-flash' WHEN 250 THEN 'veo-pro'
        ELSE daybook.default_model(p_user, coalesce(created_at, transaction_timestamp())) END
    INTO v_named
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

-- Keeps the instant of a settlement of which the application wrote no date, so that nothing that is written later moves
-- it; gives the instant that counts. Without an instant of the caller's it is the one that is taken for it.
CREATE FUNCTION daybook.capture_settlement(p_user uuid, p_batch uuid, p_at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_at timestamptz;
BEGIN
    INSERT INTO daybook.settlement_fact (user_id, batch_id, settled_at)
    SELECT p_user, p_batch, i.at
    FROM (SELECT coalesce(p_at, daybook.settlement_instant(p_user, p_batch)) AS at) AS i
    WHERE i.at IS NOT NULL
        AND EXISTS (SELECT FROM public.batch_jobs WHERE user_id = p_user AND id = p_batch AND completed_at IS NULL)
    ON CONFLICT ON CONSTRAINT settlement_fact_pkey DO NOTHING;
    SELECT daybook.settlement_instant(p_user, p_batch) INTO v_at;
    RETURN v_at;
END $$;

-- Gives a batch, locked. One of the old application's is taken down when it is seen first, with what is proved to be
-- frozen for it.
CREATE OR REPLACE FUNCTION daybook.hold_batch(p_batch uuid, p_user uuid) RETURNS daybook.batch LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job public.batch_jobs;
    v_batch daybook.batch;
    v_frozen bigint;
    v_refunded bigint;
    v_back bigint;
    v_draw daybook.draw;
    v_settled_at timestamptz;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    IF FOUND THEN RETURN v_batch; END IF;
    SELECT * INTO v_job FROM public.batch_jobs WHERE id = p_batch AND user_id = p_user;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'batch % does not belong to user %', p_batch, p_user USING ERRCODE = 'DB404';
    END IF;
    INSERT INTO daybook.batch (user_id, batch_id, owner, created_at) VALUES (p_user, p_batch, 'app', v_job.created_at)
    ON CONFLICT (user_id, batch_id) DO NOTHING;
    IF FOUND THEN
        SELECT coalesce(-sum(credits_delta) FILTER (WHERE ref_type = 'batch_upfront'), 0),
            -- A refund gives back: a row that takes would undo one that was given.
            coalesce(sum(credits_delta) FILTER (WHERE ref_type = 'batch_refund' AND credits_delta > 0), 0)
        INTO v_frozen, v_refunded
        FROM public.credit_ledger
        WHERE user_id = p_user AND ref_id = p_batch::text AND ref_type IN ('batch_upfront', 'batch_refund');
        IF v_frozen > 0 AND v_job.settlement_status <> 'pending' THEN
            -- It is over: what the ledger says is all that there is to say, and nothing comes back any more.
            v_settled_at := daybook.capture_settlement(p_user, p_batch, NULL);
            UPDATE daybook.batch
            SET frozen = v_frozen, frozen_at = v_job.created_at, refunded = least(v_refunded, v_frozen),
                spent = v_frozen - least(v_refunded, v_frozen), settled_at = v_settled_at
            WHERE user_id = p_user AND batch_id = p_batch;
        ELSE
            v_frozen := daybook.prove_freeze(p_user, p_batch, v_job.created_at);
            -- What the application gave back before it stopped is not given back again.
            v_refunded := greatest(least(v_refunded, v_frozen), 0);
            UPDATE daybook.batch
            SET frozen = v_frozen, refunded = v_refunded, frozen_at = CASE WHEN v_frozen > 0 THEN v_job.created_at END
            WHERE user_id = p_user AND batch_id = p_batch;
            FOR v_draw IN
                SELECT * FROM daybook.draw WHERE user_id = p_user AND batch_id = p_batch ORDER BY draw_no DESC
            LOOP
                EXIT WHEN v_refunded = 0;
                v_back := least(v_draw.credits, v_refunded);
                UPDATE daybook.draw SET returned = v_back,
                    returned_cost_usd = cost_usd - daybook.cost_share(cost_usd, credits - v_back, credits)
                WHERE user_id = p_user AND batch_id = p_batch AND draw_no = v_draw.draw_no;
                v_refunded := v_refunded - v_back;
            END LOOP;
        END IF;
    END IF;
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    RETURN v_batch;
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
        -- The application writes no date, and this one is known.
        PERFORM daybook.capture_settlement(p_user_id, p_batch_id, v_now);
        UPDATE public.batch_jobs
        SET credits_spent = v_spent, updated_at = v_now,
            settlement_status = CASE WHEN v_spent = 0 THEN 'refunded' ELSE 'finalized' END
        WHERE user_id = p_user_id AND id = p_batch_id;
    END IF;
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user_id AND batch_id = p_batch_id;
    RETURN jsonb_build_object('ok', true, 'already', false, 'frozen', v_batch.frozen, 'spent', v_batch.spent,
        'refund', v_batch.refunded);
END $$;

-- Batches that were over when they were taken down have no draws: their instant was updated_at, as it stood then.
UPDATE daybook.batch AS b SET settled_at = daybook.settlement_instant(b.user_id, b.batch_id)
FROM public.batch_jobs AS j
WHERE b.owner = 'app' AND b.settled_at IS NOT NULL AND b.frozen > 0 AND j.user_id = b.user_id AND j.id = b.batch_id
    AND j.completed_at IS NULL
    AND NOT EXISTS (SELECT FROM daybook.draw AS d WHERE d.user_id = b.user_id AND d.batch_id = b.batch_id);

-- Those that the engine settled since, and the ones just mended, do not move any more.
INSERT INTO daybook.settlement_fact (user_id, batch_id, settled_at)
SELECT b.user_id, b.batch_id, b.settled_at
FROM daybook.batch AS b
JOIN public.batch_jobs AS j ON j.user_id = b.user_id AND j.id = b.batch_id
WHERE b.owner = 'app' AND b.settled_at IS NOT NULL AND j.completed_at IS NULL
ON CONFLICT ON CONSTRAINT settlement_fact_pkey DO NOTHING;

REVOKE ALL ON FUNCTION
    daybook.default_model, daybook.settlement_instant, daybook.capture_settlement, daybook.models_to_freeze,
    daybook.hold_batch, public.finalize_batch_credits(uuid, uuid, integer)
FROM PUBLIC;
