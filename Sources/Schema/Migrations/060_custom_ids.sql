-- What a customer calls an item of a batch, and the way to a customer's newest batches.

-- It stands beside the prompt, so that what clears one clears both. One batch has it once: whoever reads the request
-- looks, and nothing but that request writes it.
ALTER TABLE public.video_tasks ADD COLUMN IF NOT EXISTS item_custom_id text;

-- Under a condition, so that only a question which states it goes this way.
CREATE INDEX IF NOT EXISTS daybook_batch_jobs_newest ON public.batch_jobs (user_id, created_at, id)
    WHERE created_at > '-infinity';

-- As before, and with what the customer calls each item; NULL where nobody calls one anything.
DROP FUNCTION daybook.create_batch(
    uuid, text, bytea, text, text[], bigint[], text[], text[], bigint[], text[], text[]);
CREATE FUNCTION daybook.create_batch(
    p_user uuid, p_request_id text, p_fingerprint bytea, p_webhook_url text, p_models text[], p_costs bigint[],
    p_prompts text[], p_aspect_ratios text[], p_durations bigint[], p_metadata text[], p_takes_bonus text[],
    p_custom_ids text[] DEFAULT NULL,
    OUT outcome text, OUT batch_id uuid, OUT required bigint, OUT available bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
    v_known record;
    v_bonus_at_most bigint;
    v_need_models text[];
    v_need_credits bigint[];
BEGIN
    SELECT array_agg(model), array_agg(cost), sum(cost),
        coalesce(sum(cost) FILTER (WHERE model = ANY (p_takes_bonus)), 0)
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
        -- Waits for a twin that is being created now; if it is committed, there is nothing left to do but find it.
        INSERT INTO daybook.batch (user_id, batch_id, owner, request_id, fingerprint, created_at)
        VALUES (p_user, batch_id, 'engine', p_request_id, p_fingerprint, v_now)
        ON CONFLICT (user_id, request_id) WHERE request_id IS NOT NULL DO NOTHING;
        EXIT WHEN FOUND;
    END LOOP;
    INSERT INTO public.batch_jobs (
        id, user_id, status, total_count, cost_per_video, webhook_url, webhook_status, request_id, source,
        enqueued_at, created_at, updated_at)
    VALUES (batch_id, p_user, 'queued', cardinality(p_models), (SELECT max(c) FROM unnest(p_costs) AS c), p_webhook_url,
        CASE WHEN p_webhook_url IS NOT NULL THEN 'pending' END, p_request_id, 'enterprise', v_now, v_now, v_now);
    WITH item AS MATERIALIZED (
        SELECT gen_random_uuid() AS task_id, (i.number - 1)::integer AS batch_index, i.*
        FROM unnest(p_models, p_costs, p_prompts, p_aspect_ratios, p_durations, p_metadata, p_custom_ids)
            WITH ORDINALITY AS i (model, cost, prompt, aspect_ratio, duration, metadata, custom_id, number)
    ), public_task AS (
        INSERT INTO public.video_tasks (
            id, user_id, model, prompt, aspect_ratio, duration, size, status, created_at, updated_at, batch_job_id,
            batch_index, item_metadata, item_custom_id)
        SELECT task_id, p_user, model, prompt, aspect_ratio, duration::integer, 'small', 'pending', v_now, v_now,
            batch_id, batch_index, metadata, custom_id
        FROM item
    ), fact AS (
        INSERT INTO daybook.task_fact (user_id, task_id, cost_credits) SELECT p_user, task_id, cost FROM item
    )
    INSERT INTO daybook.task (user_id, task_id, batch_id, batch_index, model, cost, created_at, ready_at, expires_at)
    SELECT p_user, task_id, batch_id, batch_index, model, cost, v_now, v_now, v_now + interval '24 hours' FROM item;
    PERFORM daybook.freeze(p_user, batch_id, v_need_models, v_need_credits);
    available := daybook.available(p_user, CASE WHEN v_bonus_at_most > 0 THEN 9223372036854775807 ELSE 0 END);
    -- Last, because a worker who claims holds the customer's turn: until the commit it could claim nothing of this.
    PERFORM daybook.announce_ready(p_user, v_need_models);
    PERFORM pg_notify('daybook_ready', '');
    outcome := 'created';
EXCEPTION WHEN SQLSTATE 'DB402' THEN
    -- Another batch took the credit between the look and the lock. Everything since BEGIN is undone, the key included.
    outcome := 'insufficient';
    available := daybook.available(p_user, v_bonus_at_most);
    batch_id := NULL;
END $$;

REVOKE ALL ON FUNCTION daybook.create_batch FROM PUBLIC;
