-- Over 400 lines, because every function stands whole whose statements found their rows by luck.
--
-- How a row is found depends neither on statistics nor on what they were when a plan was made. Every index of the
-- engine's tables but the key's own holds under a condition, so that only a question which states it can use it: a row
-- is looked up by its key by the key's index, since there is no other. A condition on a state, which would call in an
-- index of that state, is written IS TRUE where the key is known. And the engine's functions run without the ways that
-- read whole tables, by one plan each.

-- ---------------------------------------------------------------- indexes that answer one question each

LOCK TABLE daybook.batch, daybook.task, daybook.submission, daybook.ready_customer IN ACCESS EXCLUSIVE MODE;

ALTER TABLE daybook.task DROP CONSTRAINT task_once_per_index;
CREATE UNIQUE INDEX task_once_per_index ON daybook.task (user_id, batch_id, batch_index) WHERE batch_index >= 0;
ALTER TABLE daybook.task ADD CONSTRAINT task_index_not_negative CHECK (batch_index >= 0);
ALTER TABLE daybook.submission DROP CONSTRAINT submission_once_per_attempt;
CREATE UNIQUE INDEX submission_once_per_attempt ON daybook.submission (user_id, task_id, attempt) WHERE attempt >= 0;
ALTER TABLE daybook.submission ADD CONSTRAINT submission_attempt_not_negative CHECK (attempt >= 0);
ALTER TABLE daybook.batch DROP CONSTRAINT batch_request_unique;
CREATE UNIQUE INDEX batch_request_unique ON daybook.batch (user_id, request_id) WHERE request_id IS NOT NULL;
DROP INDEX daybook.ready_customer_turn;
CREATE INDEX ready_customer_turn ON daybook.ready_customer (model, turn_at, user_id) WHERE turn_at IS NOT NULL;

-- ---------------------------------------------------------------- creating, claiming

-- As before, but for the index that it meets.
CREATE OR REPLACE FUNCTION daybook.create_batch(
    p_user uuid, p_request_id text, p_fingerprint bytea, p_webhook_url text, p_models text[], p_costs bigint[],
    p_prompts text[], p_aspect_ratios text[], p_durations bigint[], p_metadata text[], p_takes_bonus text[],
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
        FROM unnest(p_models, p_costs, p_prompts, p_aspect_ratios, p_durations, p_metadata)
            WITH ORDINALITY AS i (model, cost, prompt, aspect_ratio, duration, metadata, number)
    ), public_task AS (
        INSERT INTO public.video_tasks (
            id, user_id, model, prompt, aspect_ratio, duration, size, status, created_at, updated_at, batch_job_id,
            batch_index, item_metadata)
        SELECT task_id, p_user, model, prompt, aspect_ratio, duration::integer, 'small', 'pending', v_now, v_now,
            batch_id, batch_index, metadata
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

-- Takes ready tasks of one model, as before.
CREATE OR REPLACE FUNCTION daybook.claim(p_worker bigint, p_model text, p_limit integer, p_chunk integer)
RETURNS TABLE (
    user_id uuid, batch_id uuid, task_id uuid, nonce bytea, attempt integer, prompt text, reference_url text,
    aspect_ratio text, duration integer, size text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
    v_turn timestamptz;
    v_free integer;
    v_gate daybook.model_gate;
    v_user uuid;
    v_next timestamptz;
    v_rows tid[];
    v_tasks uuid[];
    v_batches uuid[];
    v_all uuid[] := '{}';
    v_users uuid[] := '{}';
    v_batch uuid;
    v_begun uuid[] := '{}';
    v_owners uuid[] := '{}';
    v_misses integer := 0;
BEGIN
    -- Where it is nobody's turn, or the gate is closed, nothing is locked and nothing written.
    SELECT r.turn_at INTO v_turn FROM daybook.ready_customer AS r
    WHERE r.model = p_model AND r.turn_at <= 'infinity' ORDER BY r.turn_at, r.user_id LIMIT 1;
    SELECT * INTO v_gate FROM daybook.model_gate AS g WHERE g.model = p_model;
    IF v_turn IS NULL OR v_turn > greatest(v_now, v_gate.last_turn_at) OR v_gate.blocked_until > v_now THEN
        RETURN;
    END IF;
    PERFORM daybook.hold_worker(p_worker);
    -- The gate is exact over all workers because whoever claims holds it until the intents are committed.
    SELECT * INTO v_gate FROM daybook.model_gate AS g WHERE g.model = p_model FOR UPDATE;
    v_now := daybook.clock();
    IF v_gate.blocked_until > v_now THEN RETURN; END IF;
    v_free := least(CASE WHEN v_gate.closings > 0 THEN least(p_limit, 1) ELSE p_limit END, v_gate.max_in_flight - (
        SELECT count(*)::integer FROM (
            SELECT FROM daybook.task AS t
            WHERE t.model = p_model AND t.state IN ('intent', 'unknown', 'accepted') LIMIT v_gate.max_in_flight
        ) AS handed_over));
    v_turn := greatest(v_now, v_gate.last_turn_at);
    WHILE v_free > 0 AND v_misses < p_limit LOOP
        v_turn := v_turn + interval '1 microsecond';
        SELECT r.user_id INTO v_user FROM daybook.ready_customer AS r
        WHERE r.model = p_model AND r.turn_at < v_turn
        ORDER BY r.turn_at, r.user_id LIMIT 1
        FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        -- In the order of the list. What has expired stands in it until it is swept, and is passed over.
        SELECT array_agg(p.place) INTO v_rows FROM (
            SELECT c.place FROM (
                SELECT t.ctid AS place, t.expires_at FROM daybook.task AS t
                WHERE t.user_id = v_user AND t.model = p_model AND t.state = 'ready' AND t.ready_at <= v_turn
                ORDER BY t.ready_at, t.batch_index, t.task_id
                LIMIT 500
                FOR NO KEY UPDATE SKIP LOCKED
            ) AS c
            WHERE c.expires_at > v_now
            LIMIT least(v_free, p_chunk)
        ) AS p;
        -- The rows are locked and stay where they are: no other way to them reads as little.
        WITH taken AS (
            UPDATE daybook.task AS t
            SET state = 'intent', worker_id = p_worker, attempts = t.attempts + 1,
                dispatched_at = coalesce(t.dispatched_at, v_now), deadline_at = NULL
            WHERE t.ctid = ANY (v_rows)
            RETURNING t.task_id, t.batch_id, t.attempts
        ), sent AS (
            INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, intent_at)
            SELECT v_user,
                substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FROM 1 FOR 16),
                t.task_id, t.attempts, p_worker, v_now
            FROM taken AS t
        )
        SELECT array_agg(t.task_id), array_agg(DISTINCT t.batch_id) INTO v_tasks, v_batches FROM taken AS t;
        SELECT t.ready_at INTO v_next FROM daybook.task AS t
        WHERE t.user_id = v_user AND t.model = p_model AND t.state = 'ready'
        ORDER BY t.ready_at, t.batch_index, t.task_id LIMIT 1;
        IF v_next IS NULL THEN
            DELETE FROM daybook.ready_customer AS r WHERE r.user_id = v_user AND r.model = p_model;
        ELSE
            -- Nothing to be had, because it has expired or is being ended: not worth another look for a second.
            UPDATE daybook.ready_customer AS r
            SET next_ready_at = v_next,
                served_at = CASE WHEN v_tasks IS NULL THEN v_now + interval '1 second' ELSE v_turn END
            WHERE r.user_id = v_user AND r.model = p_model;
        END IF;
        IF v_tasks IS NULL THEN
            v_misses := v_misses + 1;
            CONTINUE;
        END IF;
        UPDATE daybook.task_fact AS f SET dispatched_at = v_now
        WHERE f.dispatched_at IS NULL AND f.ctid = ANY (ARRAY(
            SELECT f.place FROM unnest(v_tasks) AS k (task_id)
            CROSS JOIN LATERAL (
                SELECT f.ctid AS place FROM daybook.task_fact AS f
                WHERE f.user_id = v_user AND f.task_id = k.task_id LIMIT 1
                FOR NO KEY UPDATE
            ) AS f));
        v_all := v_all || v_tasks;
        v_users := v_users || array_fill(v_user, ARRAY[cardinality(v_tasks)]);
        v_begun := v_begun || v_batches;
        v_owners := v_owners || array_fill(v_user, ARRAY[cardinality(v_batches)]);
        v_free := v_free - cardinality(v_tasks);
    END LOOP;
    IF cardinality(v_all) = 0 THEN RETURN; END IF;
    -- In one order, because a batch of several models is begun by several claims.
    FOR v_user, v_batch IN
        SELECT DISTINCT b.user_id, b.batch_id FROM unnest(v_owners, v_begun) AS b (user_id, batch_id) ORDER BY 1, 2
    LOOP
        UPDATE public.batch_jobs AS b SET status = 'processing', updated_at = v_now
        WHERE b.user_id = v_user AND b.id = v_batch AND b.status = 'queued';
    END LOOP;
    -- A probe keeps the gate closed for longer than a submission can take: its answer opens it, or closes it anew.
    UPDATE daybook.model_gate AS g
    SET last_turn_at = v_turn, is_probing = g.closings > 0,
        blocked_until = CASE WHEN g.closings > 0 THEN v_now + interval '90 seconds' ELSE g.blocked_until END
    WHERE g.model = p_model;
    RETURN QUERY
    SELECT c.user_id, t.batch_id, c.task_id, s.nonce, t.attempts, v.prompt, v.reference_url, v.aspect_ratio, v.duration,
        v.size
    FROM unnest(v_users, v_all) AS c (user_id, task_id)
    CROSS JOIN LATERAL (
        SELECT t.batch_id, t.batch_index, t.attempts FROM daybook.task AS t
        WHERE t.user_id = c.user_id AND t.task_id = c.task_id LIMIT 1
    ) AS t
    CROSS JOIN LATERAL (
        SELECT s.nonce FROM daybook.submission AS s
        WHERE s.user_id = c.user_id AND s.task_id = c.task_id AND s.attempt = t.attempts AND s.attempt >= 0 LIMIT 1
    ) AS s
    CROSS JOIN LATERAL (
        SELECT v.* FROM public.video_tasks AS v WHERE v.user_id = c.user_id AND v.id = c.task_id LIMIT 1
    ) AS v
    ORDER BY c.user_id, t.batch_id, t.batch_index;
END $$;

-- ---------------------------------------------------------------- answers

-- The accepted ones of some tasks of a worker's, with what it takes to ask for them.
CREATE FUNCTION daybook.polled_tasks(p_worker bigint, p_users uuid[], p_tasks uuid[]) RETURNS SETOF daybook.task
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT t.* FROM unnest(p_users, p_tasks) AS k (user_id, task_id)
    CROSS JOIN LATERAL (
        SELECT * FROM daybook.task AS t WHERE t.user_id = k.user_id AND t.task_id = k.task_id LIMIT 1
    ) AS t
    WHERE t.worker_id = p_worker AND t.state = 'accepted';
END $$;

-- Nobody knows whether the provider took the submissions: they wait for a callback, a spooled answer, or their
-- deadline.
CREATE OR REPLACE FUNCTION daybook.lose(p_users uuid[], p_nonces bytea[], p_remarks text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_lost record;
    v_place tid;
BEGIN
    -- Tasks in one order.
    FOR v_lost IN
        SELECT l.user_id, l.nonce, l.remark, s.task_id, s.intent_at
        FROM unnest(p_users, p_nonces, p_remarks) AS l (user_id, nonce, remark)
        CROSS JOIN LATERAL (
            SELECT s.task_id, s.intent_at FROM daybook.submission AS s
            WHERE s.user_id = l.user_id AND s.nonce = l.nonce LIMIT 1
        ) AS s
        ORDER BY l.user_id, s.task_id
    LOOP
        v_place := daybook.hold_task(v_lost.user_id, v_lost.task_id);
        UPDATE daybook.submission AS s SET outcome = 'unknown', remark = v_lost.remark, answered_at = v_now
        WHERE s.user_id = v_lost.user_id AND s.nonce = v_lost.nonce AND (s.outcome = 'intent') IS TRUE;
        CONTINUE WHEN NOT FOUND;
        UPDATE daybook.task AS t
        SET state = 'unknown', worker_id = NULL,
            deadline_at = v_lost.intent_at + 600 * interval '1 second' + (
                SELECT g.deadline_seconds FROM daybook.model_gate AS g WHERE g.model = t.model
            ) * interval '1 second'
        WHERE t.ctid = v_place AND t.state = 'intent';
    END LOOP;
END $$;

-- It is proved that the provider did not take a submission. Gives whether that was news.
CREATE FUNCTION daybook.note_refusal(p_user uuid, p_nonce bytea, p_remark text) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE daybook.submission AS s SET outcome = 'refused', remark = p_remark, answered_at = daybook.clock()
    WHERE s.user_id = p_user AND s.nonce = p_nonce AND (s.outcome IN ('intent', 'unknown')) IS TRUE;
    RETURN FOUND;
END $$;

-- After that its task is ready again after a pause, or cancelled if that was asked for meanwhile. One that was unknown
-- already ends instead: what may have been taken is never submitted again.
CREATE OR REPLACE FUNCTION daybook.put_back(p_user uuid, p_nonce bytea, p_remark text, p_pause_seconds bigint)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_task daybook.task;
    v_place tid;
    v_cancelled boolean;
BEGIN
    SELECT t.* INTO v_task FROM daybook.task AS t
    WHERE t.user_id = p_user AND t.task_id = (
        SELECT s.task_id FROM daybook.submission AS s WHERE s.user_id = p_user AND s.nonce = p_nonce);
    IF NOT FOUND THEN RETURN false; END IF;
    -- Whoever cancels holds the batch: either it sees the task ready, or we see its request.
    SELECT cancel_requested_at IS NOT NULL INTO v_cancelled FROM daybook.batch
    WHERE user_id = p_user AND batch_id = v_task.batch_id
    FOR NO KEY UPDATE;
    v_place := daybook.hold_task(p_user, v_task.task_id);
    IF NOT daybook.note_refusal(p_user, p_nonce, p_remark) THEN RETURN false; END IF;
    SELECT t.* INTO v_task FROM daybook.task AS t WHERE t.ctid = v_place;
    IF v_task.state = 'unknown' THEN
        PERFORM daybook.end_tasks(p_user, v_task.batch_id, ARRAY[v_task.task_id], ARRAY['unknown'], ARRAY['failed'],
            ARRAY['error'], ARRAY['network'], ARRAY['The provider did not take it.'], ARRAY[NULL]::text[]);
        RETURN false;
    ELSIF v_task.state <> 'intent' THEN
        RETURN false;
    ELSIF v_cancelled THEN
        PERFORM daybook.end_tasks(p_user, v_task.batch_id, ARRAY[v_task.task_id], ARRAY['intent'], ARRAY['cancelled'],
            ARRAY[NULL]::text[], ARRAY[NULL]::text[], ARRAY['Cancelled by the customer.'], ARRAY[NULL]::text[]);
        RETURN true;
    END IF;
    UPDATE daybook.task AS t
    SET state = 'ready', worker_id = NULL, ready_at = v_now + p_pause_seconds * interval '1 second'
    WHERE t.ctid = v_place;
    PERFORM daybook.announce_ready(p_user, ARRAY[v_task.model]);
    RETURN true;
END $$;

-- The accepted tasks that nobody polls become p_worker's. Gives what there is to poll.
CREATE OR REPLACE FUNCTION daybook.adopt(p_worker bigint, p_limit integer) RETURNS TABLE (
    user_id uuid, batch_id uuid, task_id uuid, model text, provider_task_id text, accepted_at timestamptz,
    deadline_at timestamptz
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rows tid[];
BEGIN
    -- Where there is none, nothing is locked and nothing written.
    PERFORM FROM daybook.task AS t WHERE t.worker_id IS NULL AND t.state = 'accepted' LIMIT 1;
    IF NOT FOUND THEN RETURN; END IF;
    PERFORM daybook.hold_worker(p_worker);
    SELECT array_agg(o.place) INTO v_rows FROM (
        SELECT t.ctid AS place FROM daybook.task AS t
        WHERE t.worker_id IS NULL AND t.state = 'accepted'
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS o;
    RETURN QUERY
    UPDATE daybook.task AS t SET worker_id = p_worker
    WHERE t.ctid = ANY (v_rows)
    RETURNING t.user_id, t.batch_id, t.task_id, t.model, t.provider_task_id, t.accepted_at, t.deadline_at;
END $$;

-- A worker goes: what it was sending is unknown, what the provider took is for others to poll.
CREATE OR REPLACE FUNCTION daybook.leave(p_worker bigint, p_state text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_users uuid[];
    v_nonces bytea[];
    v_rows tid[];
BEGIN
    PERFORM FROM daybook.worker WHERE worker_id = p_worker AND state = 'live' FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    UPDATE daybook.worker SET state = p_state, ended_at = clock_timestamp() WHERE worker_id = p_worker;
    SELECT array_agg(s.user_id), array_agg(s.nonce) INTO v_users, v_nonces
    FROM daybook.task AS t
    CROSS JOIN LATERAL (
        SELECT s.user_id, s.nonce FROM daybook.submission AS s
        WHERE s.user_id = t.user_id AND s.task_id = t.task_id AND s.outcome = 'intent' LIMIT 1
    ) AS s
    WHERE t.worker_id = p_worker AND t.state = 'intent';
    IF v_users IS NOT NULL THEN
        PERFORM daybook.lose(v_users, v_nonces, array_fill('its worker went away'::text, ARRAY[cardinality(v_users)]));
    END IF;
    v_rows := ARRAY(
        SELECT t.place FROM (
            SELECT t.ctid AS place FROM daybook.task AS t
            WHERE t.worker_id = p_worker AND t.state = 'accepted' ORDER BY t.user_id, t.task_id
            FOR NO KEY UPDATE
        ) AS t);
    UPDATE daybook.task SET worker_id = NULL WHERE ctid = ANY (v_rows) AND state = 'accepted';
END $$;

-- ---------------------------------------------------------------- settlement

-- As before: a batch's tasks are read by the batch, and each once.
CREATE OR REPLACE FUNCTION daybook.settle(p_user uuid, p_batch uuid) RETURNS boolean LANGUAGE plpgsql
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
    FROM daybook.task WHERE user_id = p_user AND batch_id = p_batch AND batch_index >= 0;
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

CREATE OR REPLACE FUNCTION daybook.refund_failures(p_user uuid, p_batch uuid) RETURNS bigint LANGUAGE plpgsql
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
        SELECT model, sum(cost) FILTER (WHERE state NOT IN ('failed', 'timed_out', 'cancelled'))::bigint AS cost
        FROM daybook.task
        WHERE user_id = p_user AND batch_id = p_batch AND batch_index >= 0
        GROUP BY model
    ) AS t ON t.model = d.model
    WHERE d.kept > coalesce(t.cost, 0);
    IF v_models IS NULL THEN RETURN 0; END IF;
    PERFORM daybook.give_back(p_user, p_batch, v_models, v_credits);
    RETURN (SELECT sum(c) FROM unnest(v_credits) AS c);
END $$;

CREATE OR REPLACE FUNCTION daybook.give_back(p_user uuid, p_batch uuid, p_models text[], p_credits bigint[])
RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_part record;
    v_draw record;
    v_left bigint;
    v_back bigint;
    v_cost numeric;
    v_bucket text;
    v_tranche integer;
    v_total bigint;
BEGIN
    SELECT coalesce(sum(c), 0) INTO v_total FROM unnest(p_credits) AS c;
    IF v_total = 0 THEN RETURN v_now; END IF;
    UPDATE daybook.batch SET tranches = tranches + 1, refunded = refunded + v_total
    WHERE user_id = p_user AND batch_id = p_batch
    RETURNING tranches INTO v_tranche;
    FOR v_part IN
        SELECT model, credits FROM unnest(p_models, p_credits) AS n (model, credits)
        WHERE credits > 0 ORDER BY model COLLATE "C"
    LOOP
        v_left := v_part.credits;
        FOR v_draw IN
            SELECT d.ctid AS place, d.lot_id, d.model, d.credits - d.returned AS kept,
                d.cost_usd - d.returned_cost_usd AS kept_cost, l.kind, l.expires_at <= v_now AS is_expired
            FROM daybook.draw AS d
            JOIN daybook.lot AS l ON l.user_id = d.user_id AND l.lot_id = d.lot_id
            WHERE d.user_id = p_user AND d.batch_id = p_batch AND d.credits > d.returned
                AND (v_part.model IS NULL OR d.model = v_part.model)
            ORDER BY d.draw_no DESC
        LOOP
            EXIT WHEN v_left = 0;
            v_back := least(v_left, v_draw.kept);
            v_cost := v_draw.kept_cost - daybook.cost_share(v_draw.kept_cost, v_draw.kept - v_back, v_draw.kept);
            v_bucket := CASE v_draw.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END;
            UPDATE daybook.draw SET returned = returned + v_back, returned_cost_usd = returned_cost_usd + v_cost
            WHERE ctid = v_draw.place;
            PERFORM daybook.post(p_user, 'refund', 'refund', v_draw.model, v_back, v_cost, 'batch_refund',
                p_batch::text, v_draw.lot_id, v_bucket, p_batch, v_tranche, NULL, NULL, v_now);
            IF v_draw.is_expired THEN
                PERFORM daybook.post(p_user, 'expiry', 'adjust', v_draw.model, -v_back, v_cost, 'bonus_expiry',
                    v_draw.lot_id::text, v_draw.lot_id, v_bucket, p_batch, v_tranche, NULL, NULL, v_now);
            ELSE
                UPDATE daybook.lot SET remaining = remaining + v_back, remaining_cost_usd = remaining_cost_usd + v_cost
                WHERE user_id = p_user AND lot_id = v_draw.lot_id;
            END IF;
            v_left := v_left - v_back;
        END LOOP;
        IF v_left > 0 THEN
            RAISE EXCEPTION 'batch % would give back more than it froze', p_batch USING ERRCODE = 'DB500';
        END IF;
    END LOOP;
    PERFORM daybook.write_wallet(p_user, v_now);
    RETURN v_now;
END $$;

-- What a customer's lots hold. In the order of the index of those that hold something: the others are not read.
CREATE FUNCTION daybook.credit_left(p_user uuid, OUT purchased bigint, OUT bonus bigint) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT coalesce(sum(l.remaining) FILTER (WHERE l.kind = 'purchased'), 0),
        coalesce(sum(l.remaining) FILTER (WHERE l.kind = 'bonus'), 0)
    INTO purchased, bonus
    FROM (
        SELECT kind, remaining FROM daybook.lot
        WHERE user_id = p_user AND remaining > 0
        ORDER BY kind, priority, expires_at, opened_at, lot_id
    ) AS l;
END $$;

-- As before, by that.
CREATE OR REPLACE FUNCTION daybook.write_wallet(p_user uuid, p_at timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.credit_wallet AS w
    SET permanent_credits = s.purchased, bonus_credits = s.bonus, bonus_expires_at = daybook.latest_expiry(p_user),
        updated_at = p_at
    FROM daybook.credit_left(p_user) AS s
    WHERE w.user_id = p_user;
END $$;

-- A change of the wallet by somebody else becomes a lot, or a draw from the lots in their order. What the engine writes
-- there is what the lots say already, so that nothing is left to do. The wallet has one expiry for all of its bonus:
-- where another hand changes it, every lot follows that holds bonus, or has lent it to a batch that may give it back.
CREATE OR REPLACE FUNCTION daybook.mirror_wallet() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_kind text;
    v_purchased bigint;
    v_bonus bigint;
    v_difference bigint;
    v_seen bigint;
    v_draw record;
    v_now timestamptz;
BEGIN
    IF coalesce(pg_partition_root(TG_RELID), TG_RELID) <> 'public.credit_wallet'::regclass
        OR TG_WHEN <> 'AFTER' OR TG_LEVEL <> 'ROW' OR TG_OP NOT IN ('INSERT', 'UPDATE')
    THEN
        RAISE EXCEPTION 'daybook.mirror_wallet works after a row of public.credit_wallet was written, nowhere else'
            USING ERRCODE = 'DB001';
    END IF;
    -- Before the credits: a grant that extends moves what was there, and its own lot gets the same expiry. The expiry
    -- of a wallet without bonus says nothing.
    IF NEW.bonus_credits > 0
        AND (TG_OP = 'INSERT' OR OLD.user_id <> NEW.user_id
            OR OLD.bonus_expires_at IS DISTINCT FROM NEW.bonus_expires_at)
        AND NEW.bonus_expires_at IS DISTINCT FROM daybook.latest_expiry(NEW.user_id)
    THEN
        v_now := daybook.clock();
        UPDATE daybook.lot AS l SET expires_at = NEW.bonus_expires_at
        WHERE l.user_id = NEW.user_id AND l.kind = 'bonus' AND l.expires_at IS DISTINCT FROM NEW.bonus_expires_at
            AND (l.remaining > 0 OR coalesce(l.expires_at > v_now, true) AND l.lot_id IN (
                SELECT d.lot_id FROM daybook.batch AS b
                JOIN daybook.draw AS d ON d.user_id = b.user_id AND d.batch_id = b.batch_id
                WHERE b.user_id = NEW.user_id AND b.settled_at IS NULL AND d.credits > d.returned));
    END IF;
    SELECT NEW.permanent_credits - s.purchased, NEW.bonus_credits - s.bonus INTO v_purchased, v_bonus
    FROM daybook.credit_left(NEW.user_id) AS s;
    IF v_purchased = 0 AND v_bonus = 0 THEN RETURN NULL; END IF;
    FOREACH v_kind IN ARRAY ARRAY['purchased', 'bonus'] LOOP
        v_difference := CASE v_kind WHEN 'purchased' THEN v_purchased ELSE v_bonus END;
        IF v_difference > 0 THEN
            INSERT INTO daybook.lot (
                user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, expires_at, source)
            VALUES (NEW.user_id, v_kind, v_difference, v_difference, 0, 0, daybook.clock(),
                CASE v_kind WHEN 'bonus' THEN NEW.bonus_expires_at END, 'wallet');
        END IF;
        CONTINUE WHEN v_difference >= 0;
        -- What this very statement took; lots may have been behind the wallet for another reason.
        v_seen := CASE WHEN TG_OP <> 'UPDATE' OR OLD.user_id <> NEW.user_id THEN 0
            WHEN v_kind = 'purchased' THEN greatest(OLD.permanent_credits - NEW.permanent_credits, 0)
            ELSE greatest(OLD.bonus_credits - NEW.bonus_credits, 0) END;
        FOR v_draw IN SELECT * FROM daybook.draw_credits(NEW.user_id, -v_difference, ARRAY[v_kind]) LOOP
            CONTINUE WHEN v_seen = 0;
            INSERT INTO daybook.withdrawal (user_id, lot_id, credits, cost_usd)
            VALUES (NEW.user_id, v_draw.lot_id, least(v_draw.credits, v_seen),
                daybook.cost_share(v_draw.cost_usd, least(v_draw.credits, v_seen), v_draw.credits));
            v_seen := v_seen - least(v_draw.credits, v_seen);
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;

-- An access of each video, as before, each found by its key.
CREATE OR REPLACE FUNCTION daybook.record_access(
    p_owner uuid, p_videos uuid[], p_viewer uuid, p_action text, p_source text
) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_action NOT IN ('generate', 'play', 'download', 'embed', 'share') THEN
        RAISE EXCEPTION 'An access is generate, play, download, embed or share, not %', p_action
            USING ERRCODE = 'DB400';
    END IF;
    INSERT INTO public.video_external_access_log (
        video_id, user_id, owner_id, action, source, policy_snapshot, created_at)
    SELECT v.id, p_viewer, v.user_id, p_action, p_source, v.external_access_policy, daybook.clock()
    FROM unnest(p_videos) AS k (id)
    CROSS JOIN LATERAL (
        SELECT v.* FROM public.video_tasks AS v WHERE v.user_id = p_owner AND v.id = k.id LIMIT 1
    ) AS v;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;

-- ---------------------------------------------------------------- one plan for each statement

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'daybook'::regnamespace AND p.proname IN (
            'create_batch', 'find_request', 'available', 'announce_ready', 'mend_turns', 'freeze', 'draw_credits',
            'hold_wallet', 'credit_left', 'write_wallet', 'latest_expiry', 'post', 'mirror_wallet',
            'hold_worker', 'heartbeat', 'register_worker', 'leave', 'bury', 'adopt', 'claim', 'note_answers',
            'accept', 'lose', 'note_refusal', 'put_back', 'polled_tasks', 'hold_task', 'end_tasks', 'record_access',
            'hear', 'note_hint', 'take_hints', 'bind_hint', 'judge_hint', 'take_back_hint', 'note_late_success',
            'settle', 'refund_failures', 'give_back', 'flush', 'end_overdue', 'cancel', 'expire_credit')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off '
            'SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off '
            'SET plan_cache_mode = force_generic_plan', v_function);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION
    daybook.create_batch, daybook.claim, daybook.polled_tasks, daybook.adopt, daybook.leave, daybook.lose,
    daybook.note_refusal, daybook.put_back, daybook.settle, daybook.refund_failures, daybook.give_back,
    daybook.credit_left, daybook.write_wallet, daybook.mirror_wallet, daybook.record_access
FROM PUBLIC;
