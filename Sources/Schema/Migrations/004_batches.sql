-- The engine's batches and tasks, the worker's records, and the two functions that old callers know.

-- ---------------------------------------------------------------- workers and gates: small tables that every machine shares

CREATE TABLE daybook.worker (
    worker_id    bigint      GENERATED ALWAYS AS IDENTITY,
    host         text        NOT NULL,
    process_id   integer     NOT NULL,
    state        text        NOT NULL DEFAULT 'live',
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at     timestamptz,
    CONSTRAINT worker_pkey PRIMARY KEY (worker_id),
    CONSTRAINT worker_state_known CHECK (state IN ('live', 'stopped', 'dead'))
);
COMMENT ON TABLE daybook.worker IS 'One row a start of a worker: a fresh incarnation, never a name that comes back.';

CREATE TABLE daybook.model_gate (
    model         text        NOT NULL,
    max_in_flight integer     NOT NULL,
    blocked_until timestamptz,
    CONSTRAINT model_gate_pkey PRIMARY KEY (model),
    CONSTRAINT model_gate_max_positive CHECK (max_in_flight > 0)
);
INSERT INTO daybook.model_gate (model, max_in_flight) VALUES ('sora-2', 200), ('veo-flash', 100), ('veo-pro', 50);
COMMENT ON TABLE daybook.model_gate IS 'How many tasks of a model may be at the provider at once, over all workers.';

-- ---------------------------------------------------------------- tasks

CREATE TABLE daybook.task (
    user_id          uuid        NOT NULL,
    task_id          uuid        NOT NULL,
    batch_id         uuid        NOT NULL,
    batch_index      integer     NOT NULL,
    model            text        NOT NULL,
    cost             bigint      NOT NULL,
    state            text        NOT NULL DEFAULT 'ready',
    attempts         integer     NOT NULL DEFAULT 0,
    worker_id        bigint,
    created_at       timestamptz NOT NULL,
    ready_at         timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    dispatched_at    timestamptz,
    accepted_at      timestamptz,
    deadline_at      timestamptz,
    ended_at         timestamptz,
    provider_task_id text,
    CONSTRAINT task_pkey PRIMARY KEY (user_id, task_id),
    CONSTRAINT task_once_per_index UNIQUE (user_id, batch_id, batch_index),
    CONSTRAINT task_batch_exists FOREIGN KEY (user_id, batch_id) REFERENCES daybook.batch (user_id, batch_id),
    CONSTRAINT task_state_known CHECK (
        state IN ('ready', 'intent', 'unknown', 'accepted', 'succeeded', 'failed', 'timed_out', 'cancelled')),
    CONSTRAINT task_cost_positive CHECK (cost > 0),
    CONSTRAINT task_accepted_has_provider CHECK (
        state <> 'accepted' OR (provider_task_id IS NOT NULL AND accepted_at IS NOT NULL AND deadline_at IS NOT NULL)),
    CONSTRAINT task_success_has_provider CHECK (state <> 'succeeded' OR provider_task_id IS NOT NULL),
    CONSTRAINT task_ends_once CHECK ((state IN ('succeeded', 'failed', 'timed_out', 'cancelled')) = (ended_at IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX task_ready ON daybook.task (user_id, model, ready_at, batch_index, task_id) WHERE state = 'ready';
CREATE INDEX task_open ON daybook.task (user_id, batch_id) WHERE state IN ('ready', 'intent', 'unknown', 'accepted');
CREATE INDEX task_handed_over ON daybook.task (model) WHERE state IN ('intent', 'unknown', 'accepted');
CREATE INDEX task_of_worker ON daybook.task (worker_id) WHERE state IN ('intent', 'accepted');
COMMENT ON TABLE daybook.task IS 'The engine''s state of a task: narrow and hot. What the customer sees of it is public.video_tasks.';

-- A task of the engine has its cost on record from the moment it exists, and its instants as they come.
CREATE TABLE daybook.submission (
    user_id          uuid        NOT NULL,
    nonce            bytea       NOT NULL,
    task_id          uuid        NOT NULL,
    attempt          integer     NOT NULL,
    worker_id        bigint      NOT NULL,
    outcome          text        NOT NULL DEFAULT 'intent',
    intent_at        timestamptz NOT NULL,
    answered_at      timestamptz,
    provider_task_id text,
    remark           text,
    late_success_at  timestamptz,
    CONSTRAINT submission_pkey PRIMARY KEY (user_id, nonce),
    CONSTRAINT submission_once_per_attempt UNIQUE (user_id, task_id, attempt),
    CONSTRAINT submission_provider_task_unique UNIQUE (user_id, provider_task_id),
    CONSTRAINT submission_task_exists FOREIGN KEY (user_id, task_id) REFERENCES daybook.task (user_id, task_id),
    CONSTRAINT submission_nonce_is_128_bits CHECK (octet_length(nonce) = 16),
    CONSTRAINT submission_outcome_known CHECK (outcome IN ('intent', 'accepted', 'refused', 'unknown', 'abandoned'))
);
CREATE UNIQUE INDEX submission_one_open ON daybook.submission (user_id, task_id)
    WHERE outcome IN ('intent', 'unknown', 'accepted');
COMMENT ON TABLE daybook.submission IS
    'Every attempt to hand a task to the provider, committed before the first byte is sent. The nonce is in the callback''s address.';

CREATE TABLE daybook.ready_customer (
    user_id         uuid        NOT NULL,
    model           text        NOT NULL,
    served_at       timestamptz NOT NULL,
    CONSTRAINT ready_customer_pkey PRIMARY KEY (user_id, model)
);
CREATE INDEX ready_customer_turn ON daybook.ready_customer (model, served_at, user_id);
COMMENT ON TABLE daybook.ready_customer IS 'The customers who have ready work, by model, in the order of their turns.';

CREATE FUNCTION daybook.announce_ready(p_user uuid, p_models text[]) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    -- The update matters: it waits for a worker that is just taking the customer off the list.
    INSERT INTO daybook.ready_customer AS r (user_id, model, served_at)
    SELECT p_user, model, daybook.clock() FROM (SELECT DISTINCT unnest(p_models) AS model) AS m ORDER BY model COLLATE "C"
    ON CONFLICT (user_id, model) DO UPDATE SET served_at = r.served_at
$$;

-- ---------------------------------------------------------------- settlement

-- Gives back what the batch holds and no longer needs: the freeze less what its tasks cost, by model, those that failed apart.
-- The caller holds the batch. Gives the credits that went back.
CREATE FUNCTION daybook.refund_failures(p_user uuid, p_batch uuid) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_models text[];
    v_credits bigint[];
BEGIN
    SELECT array_agg(d.model), array_agg(d.kept - coalesce(t.cost, 0)) INTO v_models, v_credits
    FROM (
        SELECT model, sum(credits - returned)::bigint AS kept
        FROM daybook.draw WHERE user_id = p_user AND batch_id = p_batch GROUP BY model
    ) AS d
    LEFT JOIN (
        SELECT model, sum(cost)::bigint AS cost
        FROM daybook.task
        WHERE user_id = p_user AND batch_id = p_batch AND state NOT IN ('failed', 'timed_out', 'cancelled')
        GROUP BY model
    ) AS t ON t.model = d.model
    WHERE d.kept > coalesce(t.cost, 0);
    IF v_models IS NULL THEN RETURN 0; END IF;
    PERFORM daybook.give_back(p_user, p_batch, v_models, v_credits);
    RETURN (SELECT sum(c) FROM unnest(v_credits) AS c);
END $$;

-- Closes an engine-owned batch once no task is open: refunds the rest, counts from the tasks, and says so where customers look.
-- Gives true if this call settled it.
CREATE FUNCTION daybook.settle(p_user uuid, p_batch uuid) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_now timestamptz;
    v_spent bigint;
    v_succeeded integer;
    v_failed integer;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    IF NOT FOUND OR v_batch.owner <> 'engine' OR v_batch.settled_at IS NOT NULL THEN RETURN false; END IF;
    -- Under the lock, and in a statement of its own: it sees what everybody before us committed.
    IF EXISTS (
        SELECT FROM daybook.task
        WHERE user_id = p_user AND batch_id = p_batch AND state IN ('ready', 'intent', 'unknown', 'accepted')
    ) THEN
        RETURN false;
    END IF;
    PERFORM daybook.refund_failures(p_user, p_batch);
    SELECT coalesce(sum(cost) FILTER (WHERE state = 'succeeded'), 0), count(*) FILTER (WHERE state = 'succeeded'),
        count(*) FILTER (WHERE state <> 'succeeded')
    INTO v_spent, v_succeeded, v_failed
    FROM daybook.task WHERE user_id = p_user AND batch_id = p_batch;
    v_now := daybook.clock();
    UPDATE daybook.batch SET spent = v_spent, settled_at = v_now WHERE user_id = p_user AND batch_id = p_batch;
    UPDATE public.batch_jobs
    SET status = CASE WHEN v_failed = 0 THEN 'completed' WHEN v_succeeded = 0 THEN 'failed' ELSE 'partial' END,
        success_count = v_succeeded, failed_count = v_failed, credits_spent = v_spent,
        settlement_status = CASE WHEN v_succeeded = 0 THEN 'refunded' ELSE 'finalized' END,
        updated_at = v_now, completed_at = v_now
    WHERE user_id = p_user AND id = p_batch;
    RETURN true;
END $$;

-- Ends tasks of one batch: only those that are still in one of the states named. Then settles the batch if they were its last.
-- Gives the tasks that ended by this call.
CREATE FUNCTION daybook.end_tasks(
    p_user uuid, p_batch uuid, p_tasks uuid[], p_from text[], p_states text[], p_failure_reasons text[], p_failure_types text[],
    p_errors text[], p_urls text[]
) RETURNS SETOF uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_ended uuid[];
BEGIN
    -- In one order, so that two who end the same tasks wait for each other and not in a circle.
    PERFORM FROM daybook.task
    WHERE user_id = p_user AND batch_id = p_batch AND task_id = ANY (p_tasks) AND state = ANY (p_from)
    ORDER BY task_id
    FOR NO KEY UPDATE;
    WITH ended AS (
        UPDATE daybook.task AS t
        SET state = e.state, ended_at = v_now, worker_id = NULL
        FROM unnest(p_tasks, p_states) AS e (task_id, state)
        WHERE t.user_id = p_user AND t.batch_id = p_batch AND t.task_id = e.task_id AND t.state = ANY (p_from)
        RETURNING t.task_id
    )
    SELECT array_agg(task_id) INTO v_ended FROM ended;
    IF v_ended IS NULL THEN RETURN; END IF;
    UPDATE public.video_tasks AS v
    SET status = CASE e.state WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END,
        progress = CASE e.state WHEN 'succeeded' THEN 100 ELSE v.progress END,
        failure_reason = e.failure_reason, failure_type = e.failure_type, error_message = e.error,
        video_url = e.url, grsai_task_id = t.provider_task_id, attempts = t.attempts, updated_at = v_now, completed_at = v_now
    FROM unnest(p_tasks, p_states, p_failure_reasons, p_failure_types, p_errors, p_urls)
        AS e (task_id, state, failure_reason, failure_type, error, url)
    JOIN unnest(v_ended) AS n (task_id) ON n.task_id = e.task_id
    JOIN daybook.task AS t ON t.user_id = p_user AND t.task_id = e.task_id
    WHERE v.user_id = p_user AND v.id = e.task_id;
    UPDATE daybook.task_fact AS f
    SET terminal_at = v_now, cancelled_at = CASE WHEN t.state = 'cancelled' THEN v_now END
    FROM daybook.task AS t
    WHERE f.user_id = p_user AND f.task_id = ANY (v_ended) AND t.user_id = p_user AND t.task_id = f.task_id;
    UPDATE daybook.submission SET outcome = 'abandoned', answered_at = coalesce(answered_at, v_now)
    WHERE user_id = p_user AND task_id = ANY (v_ended) AND outcome IN ('intent', 'unknown');
    PERFORM daybook.record_access(p_user, g.videos, NULL, 'generate', 'internal')
    FROM (
        SELECT array_agg(task_id ORDER BY task_id) AS videos FROM daybook.task
        WHERE user_id = p_user AND task_id = ANY (v_ended) AND state = 'succeeded'
    ) AS g
    WHERE g.videos IS NOT NULL;
    PERFORM daybook.settle(p_user, p_batch);
    RETURN QUERY SELECT unnest(v_ended);
END $$;

-- ---------------------------------------------------------------- the functions that old callers know

-- Gives a batch, locked. One of the old application's is taken down when it is seen first, with what the ledger says it has frozen.
CREATE FUNCTION daybook.hold_batch(p_batch uuid, p_user uuid) RETURNS daybook.batch LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job public.batch_jobs;
    v_batch daybook.batch;
    v_part record;
    v_lot bigint;
    v_frozen bigint;
    v_refunded bigint;
    v_draw integer := 0;
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
            coalesce(sum(credits_delta) FILTER (WHERE ref_type = 'batch_refund'), 0)
        INTO v_frozen, v_refunded
        FROM public.credit_ledger
        WHERE user_id = p_user AND ref_id = p_batch::text AND ref_type IN ('batch_upfront', 'batch_refund');
        IF v_frozen > 0 AND v_job.settlement_status <> 'pending' THEN
            UPDATE daybook.batch
            SET frozen = v_frozen, frozen_at = v_job.created_at, refunded = least(v_refunded, v_frozen),
                spent = v_frozen - least(v_refunded, v_frozen), settled_at = coalesce(v_job.completed_at, v_job.updated_at)
            WHERE user_id = p_user AND batch_id = p_batch;
        ELSIF v_frozen > 0 THEN
            -- Its credit left the wallet before there were lots: each part of it gets one of its own, empty, to come back to.
            FOR v_part IN
                SELECT CASE meta ->> 'bucket' WHEN 'bonus' THEN 'bonus' ELSE 'purchased' END AS kind, -sum(credits_delta) AS credits
                FROM public.credit_ledger
                WHERE user_id = p_user AND ref_id = p_batch::text AND ref_type = 'batch_upfront'
                GROUP BY 1 ORDER BY 1
            LOOP
                INSERT INTO daybook.lot (
                    user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, source)
                VALUES (p_user, v_part.kind, v_part.credits, 0, 0, 0, v_job.created_at, 'wallet')
                RETURNING lot_id INTO v_lot;
                v_draw := v_draw + 1;
                INSERT INTO daybook.draw (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
                VALUES (p_user, p_batch, v_draw, v_lot, '', v_part.credits, 0);
            END LOOP;
            -- What the application gave back before it stopped is not given back again.
            v_refunded := least(v_refunded, v_frozen);
            UPDATE daybook.batch SET frozen = v_frozen, refunded = v_refunded, frozen_at = v_job.created_at
            WHERE user_id = p_user AND batch_id = p_batch;
            WHILE v_refunded > 0 LOOP
                UPDATE daybook.draw SET returned = least(credits, v_refunded)
                WHERE user_id = p_user AND batch_id = p_batch AND draw_no = v_draw
                RETURNING v_refunded - returned INTO v_refunded;
                v_draw := v_draw - 1;
            END LOOP;
        END IF;
    END IF;
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    RETURN v_batch;
END $$;

-- Freezes credits for a batch. Calling it again with the same amount changes nothing and says so; anything else raises.
CREATE OR REPLACE FUNCTION public.freeze_credits_for_batch(p_batch_id uuid, p_user_id uuid, p_amount integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_models text[];
    v_credits bigint[];
BEGIN
    IF p_amount IS NULL OR p_amount <= 0 THEN RETURN jsonb_build_object('ok', true, 'skipped', true); END IF;
    v_batch := daybook.hold_batch(p_batch_id, p_user_id);
    IF v_batch.frozen_at IS NOT NULL THEN
        IF v_batch.frozen <> p_amount THEN
            RAISE EXCEPTION 'batch % has frozen % credits already, not %', p_batch_id, v_batch.frozen, p_amount
                USING ERRCODE = 'DB409';
        END IF;
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', v_batch.frozen);
    END IF;
    -- The models of its tasks, where their prices add up to the amount or there is only one model.
    SELECT array_agg(model), array_agg(cost) INTO v_models, v_credits
    FROM (
        SELECT t.model, sum(coalesce(f.cost_credits, j.cost_per_video))::bigint AS cost
        FROM public.video_tasks AS t
        JOIN public.batch_jobs AS j ON j.user_id = t.user_id AND j.id = t.batch_job_id
        LEFT JOIN daybook.task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
        WHERE t.user_id = p_user_id AND t.batch_job_id = p_batch_id
        GROUP BY t.model
    ) AS m;
    IF v_models IS NULL THEN
        -- No task yet: the price names the model.
        SELECT ARRAY[CASE cost_per_video WHEN 10 THEN 'sora-2' WHEN 50 THEN 'veo-flash' WHEN 250 THEN 'veo-pro' ELSE '' END]
        INTO v_models FROM public.batch_jobs WHERE user_id = p_user_id AND id = p_batch_id;
        v_credits := ARRAY[p_amount];
    ELSIF cardinality(v_models) = 1 THEN
        v_credits := ARRAY[p_amount];
    ELSIF (SELECT sum(c) FROM unnest(v_credits) AS c) <> p_amount THEN
        v_models := ARRAY[''];
        v_credits := ARRAY[p_amount];
    END IF;
    v_models := (SELECT array_agg(coalesce(m, '') ORDER BY n) FROM unnest(v_models) WITH ORDINALITY AS u (m, n));
    PERFORM daybook.freeze(p_user_id, p_batch_id, v_models, v_credits);
    RETURN jsonb_build_object('ok', true, 'already', false, 'frozen', p_amount);
END $$;

-- Settles a batch. One of the engine's is counted from its tasks; one of the old application's honours p_spent within 0…frozen.
CREATE OR REPLACE FUNCTION public.finalize_batch_credits(p_batch_id uuid, p_user_id uuid, p_spent integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_now timestamptz;
    v_spent bigint;
BEGIN
    v_batch := daybook.hold_batch(p_batch_id, p_user_id);
    IF v_batch.settled_at IS NOT NULL THEN
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', v_batch.frozen, 'spent', v_batch.spent,
            'refund', v_batch.refunded);
    END IF;
    IF v_batch.owner = 'engine' THEN
        IF NOT daybook.settle(p_user_id, p_batch_id) THEN
            RAISE EXCEPTION 'batch % still has open tasks', p_batch_id USING ERRCODE = 'DB409';
        END IF;
    ELSE
        IF p_spent IS NULL OR p_spent < 0 OR p_spent > v_batch.frozen THEN
            RAISE EXCEPTION 'spent must lie between 0 and the % credits frozen, not %', v_batch.frozen, p_spent
                USING ERRCODE = 'DB400';
        END IF;
        -- Credit that went back before cannot have been spent.
        v_spent := least(p_spent, v_batch.frozen - v_batch.refunded);
        v_now := daybook.give_back(p_user_id, p_batch_id, ARRAY[NULL]::text[], ARRAY[v_batch.frozen - v_batch.refunded - v_spent]);
        UPDATE daybook.batch SET spent = v_spent, settled_at = v_now WHERE user_id = p_user_id AND batch_id = p_batch_id;
        UPDATE public.batch_jobs
        SET credits_spent = v_spent, settlement_status = CASE WHEN v_spent = 0 THEN 'refunded' ELSE 'finalized' END, updated_at = v_now
        WHERE user_id = p_user_id AND id = p_batch_id;
    END IF;
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user_id AND batch_id = p_batch_id;
    RETURN jsonb_build_object('ok', true, 'already', false, 'frozen', v_batch.frozen, 'spent', v_batch.spent,
        'refund', v_batch.refunded);
END $$;

-- Nobody but the owner and the service role: default privileges, or the function that was replaced, may have let in others.
DO $$
DECLARE
    v_grant record;
BEGIN
    FOR v_grant IN
        SELECT p.oid::regprocedure AS function, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END AS grantee
        FROM pg_catalog.pg_proc AS p
        CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a
        LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee
        WHERE p.oid IN ('public.freeze_credits_for_batch(uuid, uuid, integer)'::regprocedure,
            'public.finalize_batch_credits(uuid, uuid, integer)'::regprocedure)
            AND a.grantee <> p.proowner
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %s', v_grant.function, v_grant.grantee);
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'service_role') THEN
        GRANT EXECUTE ON FUNCTION public.freeze_credits_for_batch(uuid, uuid, integer) TO service_role;
        GRANT EXECUTE ON FUNCTION public.finalize_batch_credits(uuid, uuid, integer) TO service_role;
    END IF;
END $$;
