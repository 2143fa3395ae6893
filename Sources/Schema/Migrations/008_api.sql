-- What the Batch API does in one transaction each: recognise a key, create a batch.
-- Locks are taken in one order: the batch's key (user_id, request_id), then its own new rows, then the wallet, then the
-- customer's turns. Nobody who waits for one of them holds a later one.

-- ---------------------------------------------------------------- keys

-- How full the allowance of a key is: the instant at which it would be whole again. A key of a deployment has one too.
CREATE TABLE daybook.key_allowance (
    user_id  uuid        NOT NULL,
    key_id   uuid        NOT NULL,
    whole_at timestamptz NOT NULL,
    CONSTRAINT key_allowance_pkey PRIMARY KEY (user_id, key_id)
);
COMMENT ON TABLE daybook.key_allowance IS
    'The rate limit of an API key as one instant (GCRA): each request moves it on by a minute divided by the limit.';

-- Counts one request against a key, over all servers. Gives whether it is within the limit, how many more are at once, and
-- in how many microseconds the allowance is whole again (or, where it is not within, the next one is possible).
CREATE FUNCTION daybook.spend_allowance(
    p_user uuid, p_key uuid, p_per_minute integer, OUT is_within boolean, OUT remaining bigint, OUT wait_micros bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
    -- Rounded down, so that a minute has room for all of them.
    v_step interval := (60000000 / p_per_minute) * interval '1 microsecond';
    v_whole timestamptz;
BEGIN
    INSERT INTO daybook.key_allowance AS a (user_id, key_id, whole_at) VALUES (p_user, p_key, v_now + v_step)
    ON CONFLICT (user_id, key_id) DO UPDATE SET whole_at = greatest(a.whole_at, v_now) + v_step
        WHERE greatest(a.whole_at, v_now) + v_step <= v_now + interval '1 minute'
    RETURNING whole_at INTO v_whole;
    is_within := FOUND;
    IF is_within THEN
        remaining := least(
            floor(extract(epoch FROM v_now + interval '1 minute' - v_whole) / extract(epoch FROM v_step)), p_per_minute - 1);
        wait_micros := extract(epoch FROM v_whole - v_now) * 1000000;
    ELSE
        SELECT whole_at INTO v_whole FROM daybook.key_allowance WHERE user_id = p_user AND key_id = p_key;
        remaining := 0;
        wait_micros := greatest(extract(epoch FROM v_whole + v_step - (v_now + interval '1 minute')) * 1000000, 0);
    END IF;
END $$;

-- An older deployment may lack the two tables, or columns of the second.
CREATE TABLE IF NOT EXISTS public.enterprise_api_keys (
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
CREATE TABLE IF NOT EXISTS public.enterprise_api_usage (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    api_key_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT enterprise_api_usage_pkey PRIMARY KEY (id)
);
ALTER TABLE public.enterprise_api_usage
    ADD COLUMN IF NOT EXISTS user_id uuid,
    ADD COLUMN IF NOT EXISTS endpoint text,
    ADD COLUMN IF NOT EXISTS ip text,
    ADD COLUMN IF NOT EXISTS user_agent text,
    ADD COLUMN IF NOT EXISTS request_id text,
    ADD COLUMN IF NOT EXISTS minute_bucket timestamptz,
    ADD COLUMN IF NOT EXISTS batch_job_id uuid;

-- One row of the request log. A deployment that allows a request_id once per key keeps its first row.
CREATE FUNCTION daybook.log_request(
    p_user uuid, p_key uuid, p_endpoint text, p_ip text, p_user_agent text, p_request_id text, p_batch uuid
) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO public.enterprise_api_usage (
        user_id, api_key_id, endpoint, created_at, ip, user_agent, request_id, minute_bucket, batch_job_id)
    SELECT p_user, p_key, p_endpoint, c.now, p_ip, p_user_agent, p_request_id, date_trunc('minute', c.now), p_batch
    FROM (SELECT daybook.clock() AS now) AS c
    ON CONFLICT DO NOTHING
$$;

-- ---------------------------------------------------------------- batches

-- What a customer attached to an item: the text of a JSON object, which comes back as it was sent. It stands beside the prompt,
-- so that what clears one clears both.
ALTER TABLE public.video_tasks ADD COLUMN IF NOT EXISTS item_metadata text;

CREATE INDEX IF NOT EXISTS daybook_batch_jobs_request ON public.batch_jobs (user_id, request_id) WHERE request_id IS NOT NULL;

-- Credits that can be spent now: purchased ones, and of the bonus at most so many as may be used.
CREATE FUNCTION daybook.available(p_user uuid, p_bonus_at_most bigint) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(sum(remaining) FILTER (WHERE kind = 'purchased'), 0)::bigint
        + least(coalesce(sum(remaining) FILTER (WHERE kind = 'bonus' AND (expires_at IS NULL OR expires_at > c.now)), 0)::bigint,
            p_bonus_at_most)
    FROM daybook.lot, (SELECT daybook.clock() AS now) AS c
    WHERE user_id = p_user AND remaining > 0
$$;

-- The batch that a request_id stands for already, whoever owns it; no row where there is none.
CREATE FUNCTION daybook.find_request(p_user uuid, p_request_id text, OUT batch_id uuid, OUT fingerprint bytea)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT b.batch_id, b.fingerprint INTO batch_id, fingerprint
    FROM daybook.batch AS b WHERE b.user_id = p_user AND b.request_id = p_request_id;
    IF NOT FOUND THEN
        -- A batch of the old application has no fingerprint: its request_id alone decides.
        SELECT j.id INTO batch_id FROM public.batch_jobs AS j
        WHERE j.user_id = p_user AND j.request_id = p_request_id ORDER BY j.created_at, j.id LIMIT 1;
    END IF;
END $$;

-- Creates a batch with its tasks and freezes its credit, all or nothing. A request_id that was used before gives its batch.
-- Arrays have one element an item; p_metadata has NULL for an item without.
-- outcome: created, replayed, conflict (another body under this request_id), or insufficient, which leaves nothing behind.
CREATE FUNCTION daybook.create_batch(
    p_user uuid, p_request_id text, p_fingerprint bytea, p_webhook_url text, p_models text[], p_costs bigint[], p_prompts text[],
    p_aspect_ratios text[], p_durations bigint[], p_metadata text[], p_takes_bonus text[],
    OUT outcome text, OUT batch_id uuid, OUT required bigint, OUT available bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
    v_known record;
    v_bonus_at_most bigint;
    v_need_models text[];
    v_need_credits bigint[];
BEGIN
    SELECT array_agg(model), array_agg(cost), sum(cost), coalesce(sum(cost) FILTER (WHERE model = ANY (p_takes_bonus)), 0)
    INTO v_need_models, v_need_credits, required, v_bonus_at_most
    FROM (
        SELECT model, sum(cost)::bigint AS cost FROM unnest(p_models, p_costs) AS i (model, cost) GROUP BY model
    ) AS n;
    batch_id := gen_random_uuid();
    LOOP
        IF p_request_id IS NOT NULL THEN
            SELECT * INTO v_known FROM daybook.find_request(p_user, p_request_id);
            IF v_known.batch_id IS NOT NULL THEN
                batch_id := v_known.batch_id;
                outcome := CASE WHEN v_known.fingerprint <> p_fingerprint THEN 'conflict' ELSE 'replayed' END;
                RETURN;
            END IF;
        END IF;
        -- Before any work: a batch that cannot be paid for is not worth a lock.
        available := daybook.available(p_user, v_bonus_at_most);
        IF available < required THEN
            outcome := 'insufficient';
            RETURN;
        END IF;
        -- Waits for a twin that is being created now; if that one is committed, there is nothing left to do but find it.
        INSERT INTO daybook.batch (user_id, batch_id, owner, request_id, fingerprint, created_at)
        VALUES (p_user, batch_id, 'engine', p_request_id, p_fingerprint, v_now)
        ON CONFLICT ON CONSTRAINT batch_request_unique DO NOTHING;
        EXIT WHEN FOUND;
    END LOOP;
    INSERT INTO public.batch_jobs (
        id, user_id, status, total_count, cost_per_video, webhook_url, webhook_status, request_id, source, enqueued_at, created_at,
        updated_at)
    VALUES (batch_id, p_user, 'queued', cardinality(p_models), (SELECT max(c) FROM unnest(p_costs) AS c), p_webhook_url,
        CASE WHEN p_webhook_url IS NOT NULL THEN 'pending' END, p_request_id, 'enterprise', v_now, v_now, v_now);
    WITH item AS MATERIALIZED (
        SELECT gen_random_uuid() AS task_id, (i.number - 1)::integer AS batch_index, i.*
        FROM unnest(p_models, p_costs, p_prompts, p_aspect_ratios, p_durations, p_metadata)
            WITH ORDINALITY AS i (model, cost, prompt, aspect_ratio, duration, metadata, number)
    ), public_task AS (
        INSERT INTO public.video_tasks (
            id, user_id, model, prompt, aspect_ratio, duration, size, status, created_at, updated_at, batch_job_id, batch_index,
            item_metadata)
        SELECT task_id, p_user, model, prompt, aspect_ratio, duration::integer, 'small', 'pending', v_now, v_now, batch_id,
            batch_index, metadata
        FROM item
    ), fact AS (
        INSERT INTO daybook.task_fact (user_id, task_id, cost_credits) SELECT p_user, task_id, cost FROM item
    )
    INSERT INTO daybook.task (user_id, task_id, batch_id, batch_index, model, cost, created_at, ready_at, expires_at)
    SELECT p_user, task_id, batch_id, batch_index, model, cost, v_now, v_now, v_now + interval '24 hours' FROM item;
    PERFORM daybook.freeze(p_user, batch_id, v_need_models, v_need_credits);
    available := daybook.available(p_user, CASE WHEN v_bonus_at_most > 0 THEN 9223372036854775807 ELSE 0 END);
    -- Last, because a worker who claims holds the customer's turn: until the commit there is nothing here that it could claim.
    PERFORM daybook.announce_ready(p_user, v_need_models);
    PERFORM pg_notify('daybook_ready', '');
    outcome := 'created';
EXCEPTION WHEN SQLSTATE 'DB402' THEN
    -- Another batch took the credit between the look and the lock. Everything since BEGIN is undone, the key included.
    outcome := 'insufficient';
    available := daybook.available(p_user, v_bonus_at_most);
    batch_id := NULL;
END $$;
