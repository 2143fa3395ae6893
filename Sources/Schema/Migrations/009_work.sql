-- What a worker does, each in one short transaction: claim, record answers, end tasks, take over from the dead, sweep.
-- Everybody locks in one order: worker, gate, customers' turns, tasks, batch, wallet, lots. What ends tasks that no worker holds
-- (a cancel, the sweeper) locks their batch before them.

-- Seconds that the provider has for a task of a model from the moment it took it, and the margin after which an unknown
-- submission is given up.
ALTER TABLE daybook.model_gate
    ADD COLUMN deadline_seconds bigint NOT NULL DEFAULT 1800,
    ADD CONSTRAINT model_gate_deadline_positive CHECK (deadline_seconds > 0);
UPDATE daybook.model_gate SET deadline_seconds = 600 WHERE model = 'sora-2';

-- An unknown submission is given up at its deadline, an accepted task is timed out at its own.
CREATE INDEX task_unknown ON daybook.task (deadline_at) WHERE state = 'unknown';
CREATE INDEX task_waiting ON daybook.task (expires_at) WHERE state = 'ready';

CREATE FUNCTION daybook.register_worker(p_host text, p_process_id integer) RETURNS bigint LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO daybook.worker (host, process_id) VALUES (p_host, p_process_id) RETURNING worker_id
$$;

-- Every transaction of a worker begins here: one that was declared dead cannot commit anything.
CREATE FUNCTION daybook.hold_worker(p_worker bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM daybook.worker WHERE worker_id = p_worker AND state = 'live' FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'worker % was declared dead', p_worker USING ERRCODE = 'DB410';
    END IF;
END $$;

-- Says that the worker lives. Raises DB410 where it was declared dead.
CREATE FUNCTION daybook.heartbeat(p_worker bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE daybook.worker SET heartbeat_at = clock_timestamp() WHERE worker_id = p_worker AND state = 'live';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'worker % was declared dead', p_worker USING ERRCODE = 'DB410';
    END IF;
END $$;

-- Takes ready tasks of one model, customers in turn and at most p_chunk of each at a time, and writes the intent to submit them.
-- The caller commits before it sends the first byte.
CREATE FUNCTION daybook.claim(p_worker bigint, p_model text, p_limit integer, p_chunk integer) RETURNS TABLE (
    user_id uuid, batch_id uuid, task_id uuid, nonce bytea, attempt integer, prompt text, reference_url text,
    aspect_ratio text, duration integer, size text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_free integer;
    v_gate daybook.model_gate;
    v_user uuid;
    v_tasks uuid[];
    v_all uuid[] := '{}';
    v_users uuid[] := '{}';
    v_passed uuid[] := '{}';
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    -- The gate is exact over all workers because whoever claims holds it until the intents are committed.
    SELECT * INTO v_gate FROM daybook.model_gate AS g WHERE g.model = p_model FOR UPDATE;
    v_now := daybook.clock();
    IF NOT FOUND OR v_gate.blocked_until > clock_timestamp() THEN RETURN; END IF;
    v_free := least(p_limit, v_gate.max_in_flight - (
        SELECT count(*)::integer FROM daybook.task AS t
        WHERE t.model = p_model AND t.state IN ('intent', 'unknown', 'accepted')));
    WHILE v_free > 0 LOOP
        SELECT r.user_id INTO v_user FROM daybook.ready_customer AS r
        WHERE r.model = p_model AND r.user_id <> ALL (v_passed)
        ORDER BY r.served_at, r.user_id LIMIT 1
        FOR UPDATE;
        EXIT WHEN NOT FOUND;
        WITH picked AS MATERIALIZED (
            SELECT t.task_id FROM daybook.task AS t
            WHERE t.user_id = v_user AND t.model = p_model AND t.state = 'ready' AND t.ready_at <= v_now AND t.expires_at > v_now
            ORDER BY t.ready_at, t.batch_index, t.task_id
            LIMIT least(v_free, p_chunk)
            FOR NO KEY UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE daybook.task AS t
            SET state = 'intent', worker_id = p_worker, attempts = t.attempts + 1,
                dispatched_at = coalesce(t.dispatched_at, v_now), deadline_at = NULL
            FROM picked AS p
            WHERE t.user_id = v_user AND t.task_id = p.task_id
            RETURNING t.task_id
        )
        SELECT array_agg(t.task_id) INTO v_tasks FROM taken AS t;
        IF v_tasks IS NULL THEN
            -- Nothing to be had now. Off the list only if nothing waits either, not even for later.
            v_passed := v_passed || v_user;
            DELETE FROM daybook.ready_customer AS r
            WHERE r.user_id = v_user AND r.model = p_model AND NOT EXISTS (
                SELECT FROM daybook.task AS t WHERE t.user_id = v_user AND t.model = p_model AND t.state = 'ready');
            CONTINUE;
        END IF;
        UPDATE daybook.ready_customer AS r SET served_at = clock_timestamp() WHERE r.user_id = v_user AND r.model = p_model;
        INSERT INTO daybook.submission (user_id, nonce, task_id, attempt, worker_id, intent_at)
        SELECT t.user_id,
            substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FROM 1 FOR 16),
            t.task_id, t.attempts, p_worker, v_now
        FROM daybook.task AS t
        WHERE t.user_id = v_user AND t.task_id = ANY (v_tasks);
        UPDATE daybook.task_fact AS f SET dispatched_at = v_now
        WHERE f.user_id = v_user AND f.task_id = ANY (v_tasks) AND f.dispatched_at IS NULL;
        UPDATE public.batch_jobs AS b SET status = 'processing', updated_at = v_now
        WHERE b.user_id = v_user AND b.status = 'queued' AND b.id IN (
            SELECT t.batch_id FROM daybook.task AS t WHERE t.user_id = v_user AND t.task_id = ANY (v_tasks));
        v_all := v_all || v_tasks;
        v_users := v_users || array_fill(v_user, ARRAY[cardinality(v_tasks)]);
        v_free := v_free - cardinality(v_tasks);
    END LOOP;
    RETURN QUERY
    SELECT t.user_id, t.batch_id, t.task_id, s.nonce, s.attempt, v.prompt, v.reference_url, v.aspect_ratio, v.duration, v.size
    FROM unnest(v_users, v_all) AS c (user_id, task_id)
    JOIN daybook.task AS t ON t.user_id = c.user_id AND t.task_id = c.task_id
    JOIN daybook.submission AS s ON s.user_id = t.user_id AND s.task_id = t.task_id AND s.attempt = t.attempts
    JOIN public.video_tasks AS v ON v.user_id = t.user_id AND v.id = t.task_id
    ORDER BY t.user_id, t.batch_id, t.batch_index;
END $$;

-- The provider took the submission: by its answer, by a spooled answer, or by the callback that carries the nonce. Gives true
-- if that was news. The task goes to p_worker, who polls it; NULL leaves it to whoever adopts it.
CREATE FUNCTION daybook.accept(p_user uuid, p_nonce bytea, p_provider_task_id text, p_worker bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_task uuid;
BEGIN
    SELECT task_id INTO v_task FROM daybook.submission WHERE user_id = p_user AND nonce = p_nonce;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM FROM daybook.task WHERE user_id = p_user AND task_id = v_task FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT FROM daybook.submission
        WHERE user_id = p_user AND provider_task_id = p_provider_task_id AND nonce <> p_nonce
    ) THEN
        -- One video cannot be two tasks': nobody knows what became of this one.
        PERFORM daybook.lose(ARRAY[p_user], ARRAY[p_nonce], ARRAY['The provider named a task that is another submission''s.']);
        RETURN false;
    END IF;
    UPDATE daybook.submission SET outcome = 'accepted', provider_task_id = p_provider_task_id, answered_at = v_now
    WHERE user_id = p_user AND nonce = p_nonce AND outcome IN ('intent', 'unknown');
    IF NOT FOUND THEN
        -- Given up meanwhile: the money went back, the provider's task stays on record and is never charged again.
        UPDATE daybook.submission SET provider_task_id = p_provider_task_id
        WHERE user_id = p_user AND nonce = p_nonce AND outcome = 'abandoned' AND provider_task_id IS NULL;
        RETURN false;
    END IF;
    UPDATE daybook.task AS t
    SET state = 'accepted', accepted_at = v_now, provider_task_id = p_provider_task_id, worker_id = p_worker,
        deadline_at = v_now + g.deadline_seconds * interval '1 second'
    FROM daybook.model_gate AS g
    WHERE t.user_id = p_user AND t.task_id = v_task AND t.state IN ('intent', 'unknown') AND g.model = t.model;
    RETURN FOUND;
END $$;

-- Nobody knows whether the provider took the submissions: they wait for a callback, a spooled answer, or their deadline.
CREATE FUNCTION daybook.lose(p_users uuid[], p_nonces bytea[], p_remarks text[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
BEGIN
    PERFORM FROM daybook.task AS t
    JOIN daybook.submission AS s ON s.user_id = t.user_id AND s.task_id = t.task_id
    JOIN unnest(p_users, p_nonces) AS l (user_id, nonce) ON l.user_id = s.user_id AND l.nonce = s.nonce
    ORDER BY t.user_id, t.task_id
    FOR NO KEY UPDATE OF t;
    UPDATE daybook.submission AS s SET outcome = 'unknown', remark = l.remark, answered_at = v_now
    FROM unnest(p_users, p_nonces, p_remarks) AS l (user_id, nonce, remark)
    WHERE s.user_id = l.user_id AND s.nonce = l.nonce AND s.outcome = 'intent';
    UPDATE daybook.task AS t
    SET state = 'unknown', worker_id = NULL,
        deadline_at = s.intent_at + (g.deadline_seconds + 600) * interval '1 second'
    FROM unnest(p_users, p_nonces) AS l (user_id, nonce)
    JOIN daybook.submission AS s ON s.user_id = l.user_id AND s.nonce = l.nonce AND s.outcome = 'unknown',
        daybook.model_gate AS g
    WHERE t.user_id = s.user_id AND t.task_id = s.task_id AND t.state = 'intent' AND g.model = t.model;
END $$;

-- It is proved that the provider did not take a submission: its task is ready again after a pause, or cancelled if that was asked
-- for meanwhile. One that was unknown already ends instead: what may have been taken is never submitted again.
CREATE FUNCTION daybook.put_back(p_user uuid, p_nonce bytea, p_remark text, p_pause_seconds bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_task daybook.task;
    v_cancelled boolean;
BEGIN
    SELECT t.* INTO v_task FROM daybook.submission AS s
    JOIN daybook.task AS t ON t.user_id = s.user_id AND t.task_id = s.task_id
    WHERE s.user_id = p_user AND s.nonce = p_nonce;
    IF NOT FOUND THEN RETURN false; END IF;
    -- Whoever cancels holds the batch: either it sees the task ready, or we see its request.
    SELECT cancel_requested_at IS NOT NULL INTO v_cancelled FROM daybook.batch
    WHERE user_id = p_user AND batch_id = v_task.batch_id
    FOR NO KEY UPDATE;
    PERFORM FROM daybook.task WHERE user_id = p_user AND task_id = v_task.task_id FOR NO KEY UPDATE;
    UPDATE daybook.submission SET outcome = 'refused', remark = p_remark, answered_at = v_now
    WHERE user_id = p_user AND nonce = p_nonce AND outcome IN ('intent', 'unknown');
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM daybook.end_tasks(p_user, v_task.batch_id, ARRAY[v_task.task_id], ARRAY['unknown'], ARRAY['failed'], ARRAY['error'],
        ARRAY['network'], ARRAY['The provider did not take it.'], ARRAY[NULL]::text[]);
    IF v_cancelled THEN
        PERFORM daybook.end_tasks(p_user, v_task.batch_id, ARRAY[v_task.task_id], ARRAY['intent'], ARRAY['cancelled'],
            ARRAY[NULL]::text[], ARRAY[NULL]::text[], ARRAY['Cancelled by the customer.'], ARRAY[NULL]::text[]);
        RETURN true;
    END IF;
    UPDATE daybook.task SET state = 'ready', worker_id = NULL, ready_at = v_now + p_pause_seconds * interval '1 second'
    WHERE user_id = p_user AND task_id = v_task.task_id AND state = 'intent';
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM daybook.announce_ready(p_user, ARRAY[v_task.model]);
    RETURN true;
END $$;

-- The provider did render a task that was given up: nobody is charged, and it is on record.
CREATE FUNCTION daybook.note_late_success(p_user uuid, p_task uuid) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    UPDATE daybook.submission AS s SET late_success_at = daybook.clock()
    FROM daybook.task AS t
    WHERE t.user_id = p_user AND t.task_id = p_task AND t.state IN ('timed_out', 'failed') AND s.user_id = t.user_id
        AND s.task_id = t.task_id AND s.provider_task_id IS NOT NULL AND s.late_success_at IS NULL
$$;

-- No task of the model is claimed until then: the provider asked for a pause, or needs a person.
CREATE FUNCTION daybook.close_gate(p_model text, p_seconds bigint) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    UPDATE daybook.model_gate
    SET blocked_until = greatest(blocked_until, clock_timestamp() + p_seconds * interval '1 second')
    WHERE model = p_model
$$;

-- The accepted tasks that nobody polls become p_worker's. Gives what there is to poll.
CREATE FUNCTION daybook.adopt(p_worker bigint, p_limit integer) RETURNS TABLE (
    user_id uuid, batch_id uuid, task_id uuid, model text, provider_task_id text, accepted_at timestamptz, deadline_at timestamptz
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    RETURN QUERY
    WITH orphans AS MATERIALIZED (
        SELECT t.user_id, t.task_id FROM daybook.task AS t
        WHERE t.worker_id IS NULL AND t.state = 'accepted'
        LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE daybook.task AS t SET worker_id = p_worker
    FROM orphans AS o
    WHERE t.user_id = o.user_id AND t.task_id = o.task_id
    RETURNING t.user_id, t.batch_id, t.task_id, t.model, t.provider_task_id, t.accepted_at, t.deadline_at;
END $$;

-- A worker goes: what it was sending is unknown, what the provider took is for others to poll.
CREATE FUNCTION daybook.leave(p_worker bigint, p_state text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_users uuid[];
    v_nonces bytea[];
    v_remarks text[];
BEGIN
    PERFORM FROM daybook.worker WHERE worker_id = p_worker AND state = 'live' FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    UPDATE daybook.worker SET state = p_state, ended_at = clock_timestamp() WHERE worker_id = p_worker;
    SELECT array_agg(s.user_id), array_agg(s.nonce), array_agg('its worker went away'::text) INTO v_users, v_nonces, v_remarks
    FROM daybook.task AS t
    JOIN daybook.submission AS s ON s.user_id = t.user_id AND s.task_id = t.task_id AND s.outcome = 'intent'
    WHERE t.worker_id = p_worker AND t.state = 'intent';
    IF v_users IS NOT NULL THEN PERFORM daybook.lose(v_users, v_nonces, v_remarks); END IF;
    PERFORM FROM daybook.task WHERE worker_id = p_worker AND state = 'accepted' ORDER BY user_id, task_id FOR NO KEY UPDATE;
    UPDATE daybook.task SET worker_id = NULL WHERE worker_id = p_worker AND state = 'accepted';
END $$;

-- Declares the workers dead that have not been heard of for so long; a server that has just started gives everybody that long.
CREATE FUNCTION daybook.bury(p_silence interval) RETURNS bigint[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_worker bigint;
    v_buried bigint[] := '{}';
BEGIN
    FOR v_worker IN
        SELECT worker_id FROM daybook.worker
        WHERE state = 'live' AND greatest(heartbeat_at, pg_postmaster_start_time()) < clock_timestamp() - p_silence
        ORDER BY worker_id
        FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM daybook.leave(v_worker, 'dead');
        v_buried := v_buried || v_worker;
    END LOOP;
    RETURN v_buried;
END $$;

-- Ends what has waited too long: ready work past its expiry, unknown submissions past their deadline. At most p_limit tasks of
-- one batch; gives how many ended, so that the caller goes on until there are none.
CREATE FUNCTION daybook.end_overdue(p_limit integer) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_state text;
    v_overdue record;
    v_ended integer := 0;
BEGIN
    FOREACH v_state IN ARRAY ARRAY['ready', 'unknown'] LOOP
        FOR v_overdue IN
            SELECT user_id, batch_id, array_agg(task_id ORDER BY task_id) AS tasks
            FROM (
                SELECT user_id, batch_id, task_id FROM daybook.task
                WHERE state = v_state AND CASE v_state WHEN 'ready' THEN expires_at ELSE deadline_at END <= v_now
                LIMIT p_limit
            ) AS t
            GROUP BY user_id, batch_id ORDER BY user_id, batch_id LIMIT 1
        LOOP
            PERFORM FROM daybook.batch WHERE user_id = v_overdue.user_id AND batch_id = v_overdue.batch_id FOR NO KEY UPDATE;
            v_ended := v_ended + (
                SELECT count(*) FROM daybook.end_tasks(v_overdue.user_id, v_overdue.batch_id, v_overdue.tasks, ARRAY[v_state],
                    array_fill('failed'::text, ARRAY[cardinality(v_overdue.tasks)]),
                    array_fill('error'::text, ARRAY[cardinality(v_overdue.tasks)]),
                    array_fill(CASE v_state WHEN 'ready' THEN 'timeout' ELSE 'unknown' END, ARRAY[cardinality(v_overdue.tasks)]),
                    array_fill(CASE v_state WHEN 'ready' THEN 'It was not handed over in time.'
                        ELSE 'The provider never said whether it took it.' END, ARRAY[cardinality(v_overdue.tasks)]),
                    array_fill(NULL::text, ARRAY[cardinality(v_overdue.tasks)])));
            RETURN v_ended;
        END LOOP;
    END LOOP;
    RETURN v_ended;
END $$;

-- Gives failures back while their batch still runs, at least every p_age; settles a batch that nothing keeps open. One batch a
-- call; gives false once there is none.
CREATE FUNCTION daybook.flush(p_age interval) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch
    WHERE settled_at IS NULL AND owner = 'engine' AND flushed_at <= daybook.clock() - p_age
    ORDER BY flushed_at, user_id, batch_id LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE daybook.batch SET flushed_at = daybook.clock() WHERE user_id = v_batch.user_id AND batch_id = v_batch.batch_id;
    IF NOT daybook.settle(v_batch.user_id, v_batch.batch_id) THEN
        PERFORM daybook.refund_failures(v_batch.user_id, v_batch.batch_id);
    END IF;
    RETURN true;
END $$;
CREATE INDEX batch_to_flush ON daybook.batch (flushed_at) WHERE settled_at IS NULL AND owner = 'engine';

-- Takes out expired bonus credit of one customer; gives false once there is none.
CREATE FUNCTION daybook.expire_credit() RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_user uuid;
BEGIN
    -- A customer who was deleted leaves lots, and no wallet that could lose anything.
    SELECT l.user_id INTO v_user FROM daybook.lot AS l
    JOIN public.credit_wallet AS w ON w.user_id = l.user_id
    WHERE l.kind = 'bonus' AND l.remaining > 0 AND l.expires_at <= daybook.clock()
    LIMIT 1;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM daybook.hold_wallet(v_user);
    RETURN true;
END $$;
CREATE INDEX lot_expiring ON daybook.lot (expires_at) WHERE remaining > 0 AND kind = 'bonus';

-- Cancels what was not handed over: it ends and its credit goes back as one tranche. What the provider has runs on. Gives the
-- credits that went back by this call, NULL where the batch is settled already.
CREATE FUNCTION daybook.cancel(p_user uuid, p_batch uuid) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tasks uuid[];
    v_before bigint;
    v_count integer;
BEGIN
    SELECT refunded INTO v_before FROM daybook.batch
    WHERE user_id = p_user AND batch_id = p_batch AND owner = 'engine' AND settled_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    UPDATE daybook.batch SET cancel_requested_at = coalesce(cancel_requested_at, daybook.clock())
    WHERE user_id = p_user AND batch_id = p_batch;
    SELECT array_agg(task_id), count(*) INTO v_tasks, v_count FROM (
        SELECT task_id FROM daybook.task WHERE user_id = p_user AND batch_id = p_batch AND state = 'ready'
        ORDER BY task_id FOR NO KEY UPDATE
    ) AS t;
    IF v_count > 0 THEN
        PERFORM daybook.end_tasks(p_user, p_batch, v_tasks, ARRAY['ready'], array_fill('cancelled'::text, ARRAY[v_count]),
            array_fill(NULL::text, ARRAY[v_count]), array_fill(NULL::text, ARRAY[v_count]),
            array_fill('Cancelled by the customer.'::text, ARRAY[v_count]), array_fill(NULL::text, ARRAY[v_count]));
    END IF;
    -- Where tasks are still at the provider, end_tasks has not settled: the cancelled part goes back now.
    PERFORM daybook.refund_failures(p_user, p_batch) FROM daybook.batch
    WHERE user_id = p_user AND batch_id = p_batch AND settled_at IS NULL;
    RETURN (SELECT refunded - v_before FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch);
END $$;
