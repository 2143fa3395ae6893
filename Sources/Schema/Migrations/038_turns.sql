-- Over 400 lines, because whoever changes what is ready, or reads it, stands together here.
--
-- A claim costs what it claims. Customers are listed by the instant of their next turn: those whose work waits stand
-- behind all others and are not looked at. A provider that takes nothing closes a model's gate until a probe gets
-- through. And no sweep reads more than it handles.
--
-- Locks: who claims takes worker, gate, customers' turns, tasks, and then the rows of batch_jobs in their order; turns
-- and tasks that somebody else holds are skipped. Who ends tasks takes tasks, batch, wallet, lots, as before. Whoever
-- else changes what is ready takes the customer's turns last of all, in the order of the models.

-- ---------------------------------------------------------------- the list of turns

LOCK TABLE daybook.model_gate, daybook.ready_customer IN ACCESS EXCLUSIVE MODE;

-- An entry of which nobody has said when its work is ready is looked at at once.
ALTER TABLE daybook.ready_customer
    ADD COLUMN next_ready_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN turn_at timestamptz NOT NULL GENERATED ALWAYS AS (greatest(served_at, next_ready_at)) STORED;
INSERT INTO daybook.ready_customer AS r (user_id, model, served_at, next_ready_at)
SELECT user_id, model, daybook.clock(), min(ready_at) FROM daybook.task WHERE state = 'ready' GROUP BY user_id, model
ON CONFLICT (user_id, model) DO UPDATE SET next_ready_at = excluded.next_ready_at;
DELETE FROM daybook.ready_customer WHERE next_ready_at = '-infinity';
DROP INDEX daybook.ready_customer_turn;
CREATE INDEX ready_customer_turn ON daybook.ready_customer (model, turn_at, user_id);
COMMENT ON TABLE daybook.ready_customer IS
    'The customers who have ready work, now or later, by model: whoever changes what is ready says so here.';
COMMENT ON COLUMN daybook.ready_customer.next_ready_at IS 'The earliest ready_at of their ready tasks of the model.';
COMMENT ON COLUMN daybook.ready_customer.served_at IS
    'The instant of the last turn; after a look that found nothing to hand over, when it is worth another.';
COMMENT ON COLUMN daybook.ready_customer.turn_at IS
    'The place in the line: since when there is work that was not served. In the future while all of it waits.';

ALTER TABLE daybook.model_gate
    ADD COLUMN last_turn_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN closings integer NOT NULL DEFAULT 0,
    ADD COLUMN is_probing boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT model_gate_counts CHECK (failures >= 0 AND closings >= 0),
    ADD CONSTRAINT model_gate_probes_when_closed CHECK (closings > 0 OR NOT is_probing);
COMMENT ON COLUMN daybook.model_gate.blocked_until IS 'Nothing is claimed before, by the engine''s clock.';
COMMENT ON COLUMN daybook.model_gate.last_turn_at IS 'The instant of the last turn; each has one of its own.';
COMMENT ON COLUMN daybook.model_gate.failures IS 'Answers in a row by which the provider took nothing.';
COMMENT ON COLUMN daybook.model_gate.closings IS
    'Closings in a row, each longer than the one before. Above zero one task at a time is claimed, as a probe.';
COMMENT ON COLUMN daybook.model_gate.is_probing IS 'A probe was claimed, and its answer is not here yet.';

-- Says in the list what ready work a customer has of some models: after every change of which tasks are ready, last of
-- all locks. The entry is locked before the tasks are read, so whoever has it last says what all of them left.
CREATE OR REPLACE FUNCTION daybook.announce_ready(p_user uuid, p_models text[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off AS $$
DECLARE
    v_model text;
    v_next timestamptz;
BEGIN
    FOR v_model IN SELECT DISTINCT m.model COLLATE "C" FROM unnest(p_models) AS m (model) ORDER BY 1 LOOP
        -- Who was looked at for nothing is worth another look now; nobody gains a place by this.
        INSERT INTO daybook.ready_customer AS r (user_id, model, served_at, next_ready_at)
        VALUES (p_user, v_model, daybook.clock(), coalesce((
            SELECT t.ready_at FROM daybook.task AS t
            WHERE t.user_id = p_user AND t.model = v_model AND t.state = 'ready'
            ORDER BY t.ready_at, t.batch_index, t.task_id LIMIT 1), 'infinity'))
        ON CONFLICT (user_id, model) DO UPDATE SET served_at = least(r.served_at, excluded.served_at);
        -- In a statement of its own, behind the lock.
        SELECT t.ready_at INTO v_next FROM daybook.task AS t
        WHERE t.user_id = p_user AND t.model = v_model AND t.state = 'ready'
        ORDER BY t.ready_at, t.batch_index, t.task_id LIMIT 1;
        IF v_next IS NULL THEN
            DELETE FROM daybook.ready_customer AS r WHERE r.user_id = p_user AND r.model = v_model;
        ELSE
            UPDATE daybook.ready_customer AS r SET next_ready_at = v_next
            WHERE r.user_id = p_user AND r.model = v_model AND r.next_ready_at <> v_next;
        END IF;
    END LOOP;
END $$;

-- Walks through the customers that have an entry or ready work, p_limit of them after the one that is named, and puts
-- right what somebody else left wrong. Gives the last one that was looked at, NULL at the end, and how many were wrong.
CREATE FUNCTION daybook.mend_turns(
    p_after_user uuid, p_after_model text, p_limit integer, OUT last_user uuid, OUT last_model text, OUT mended integer
) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off AS $$
DECLARE
    v_listed timestamptz;
    v_next timestamptz;
BEGIN
    last_user := p_after_user;
    last_model := p_after_model;
    mended := 0;
    FOR v_number IN 1..p_limit LOOP
        SELECT k.user_id, k.model INTO last_user, last_model
        FROM (
            (
                SELECT r.user_id, r.model FROM daybook.ready_customer AS r
                WHERE (r.user_id, r.model) > (last_user, last_model) ORDER BY r.user_id, r.model LIMIT 1
            ) UNION ALL (
                SELECT t.user_id, t.model FROM daybook.task AS t
                WHERE t.state = 'ready' AND (t.user_id, t.model) > (last_user, last_model)
                ORDER BY t.user_id, t.model LIMIT 1
            )
        ) AS k
        ORDER BY k.user_id, k.model LIMIT 1;
        EXIT WHEN last_user IS NULL;
        -- One statement sees both as they were committed together.
        SELECT (
                SELECT r.next_ready_at FROM daybook.ready_customer AS r
                WHERE r.user_id = last_user AND r.model = last_model
            ), (
                SELECT t.ready_at FROM daybook.task AS t
                WHERE t.user_id = last_user AND t.model = last_model AND t.state = 'ready'
                ORDER BY t.ready_at, t.batch_index, t.task_id LIMIT 1
            )
        INTO v_listed, v_next;
        IF v_listed IS DISTINCT FROM v_next THEN
            PERFORM daybook.announce_ready(last_user, ARRAY[last_model]);
            mended := mended + 1;
        END IF;
    END LOOP;
END $$;

-- ---------------------------------------------------------------- claiming

-- Takes ready tasks of one model, customers in turn and at most p_chunk of each at a time, and writes the intent to
-- submit them. The caller commits before it sends the first byte. It reads by index whatever the statistics say, at
-- most 500 tasks in a look at a customer, and at most p_limit looks find nothing.
CREATE OR REPLACE FUNCTION daybook.claim(p_worker bigint, p_model text, p_limit integer, p_chunk integer)
RETURNS TABLE (
    user_id uuid, batch_id uuid, task_id uuid, nonce bytea, attempt integer, prompt text, reference_url text,
    aspect_ratio text, duration integer, size text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
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
    WHERE r.model = p_model ORDER BY r.turn_at, r.user_id LIMIT 1;
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
        WHERE f.user_id = v_user AND f.task_id = ANY (v_tasks) AND f.dispatched_at IS NULL;
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
        WHERE s.user_id = c.user_id AND s.task_id = c.task_id AND s.attempt = t.attempts LIMIT 1
    ) AS s
    CROSS JOIN LATERAL (
        SELECT v.* FROM public.video_tasks AS v WHERE v.user_id = c.user_id AND v.id = c.task_id LIMIT 1
    ) AS v
    ORDER BY c.user_id, t.batch_id, t.batch_index;
END $$;

-- ---------------------------------------------------------------- the gate

-- What the provider said to submissions of a model, before what came of them is written down: how many it took, by
-- which it lives, and how many it did not, as far as anybody knows. Five failures in a row, or one that concerns the
-- account, close the gate: for 2, 4, 8, … at most 300 seconds, until a probe gets through. A pause that the provider
-- names closes it for that long. Gives true if this call closed it.
CREATE FUNCTION daybook.note_answers(
    p_model text, p_taken integer, p_failed integer, p_pause_seconds bigint, p_is_account boolean
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz;
    v_gate daybook.model_gate;
    v_closes boolean := false;
BEGIN
    IF p_taken > 0 THEN
        UPDATE daybook.model_gate AS g
        SET failures = 0, closings = 0, is_probing = false,
            blocked_until = CASE WHEN g.closings = 0 THEN g.blocked_until END
        WHERE g.model = p_model AND g.failures > 0;
    ELSIF p_failed > 0 THEN
        SELECT * INTO v_gate FROM daybook.model_gate AS g WHERE g.model = p_model FOR UPDATE;
        v_now := daybook.clock();
        -- What was under way when the gate closed says nothing new; what was sent as a probe does.
        v_closes := v_gate.is_probing
            OR (v_gate.closings = 0 AND (v_gate.failures + p_failed >= 5 OR p_is_account));
        UPDATE daybook.model_gate AS g
        SET failures = least(g.failures + p_failed, 1000000), is_probing = g.is_probing AND NOT v_closes,
            closings = g.closings + v_closes::integer,
            -- A pause that the provider asked for is never cut short; that of a probe ends with its answer.
            blocked_until = CASE WHEN v_closes
                THEN greatest(CASE WHEN NOT g.is_probing THEN g.blocked_until END,
                    v_now + least(2 ^ least(g.closings + 1, 16), 300) * interval '1 second')
                ELSE g.blocked_until END
        WHERE g.model = p_model;
    END IF;
    IF p_pause_seconds IS NOT NULL THEN PERFORM daybook.close_gate(p_model, p_pause_seconds); END IF;
    RETURN v_closes;
END $$;

-- No task of the model is claimed until then: the provider asked for a pause, or a person did.
CREATE OR REPLACE FUNCTION daybook.close_gate(p_model text, p_seconds bigint) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    UPDATE daybook.model_gate
    SET blocked_until = greatest(blocked_until, daybook.clock() + p_seconds * interval '1 second')
    WHERE model = p_model
$$;

-- ---------------------------------------------------------------- what ends ready work

-- Ends what has waited too long: ready work past its expiry, then unknown submissions past their deadline. At most
-- p_limit tasks of one batch, that of the longest overdue; gives how many ended, so that the caller goes on until there
-- are none.
CREATE OR REPLACE FUNCTION daybook.end_overdue(p_limit integer) RETURNS integer LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_state text := 'ready';
    v_user uuid;
    v_batch uuid;
    v_tasks uuid[];
    v_models text[];
    v_ended integer;
BEGIN
    -- Each state in words of its own: its index answers no other question. The tasks of the batch are found by the
    -- batch, and never by the instant: IS TRUE keeps that index out, which has everybody's.
    SELECT t.user_id, t.batch_id INTO v_user, v_batch FROM daybook.task AS t
    WHERE t.state = 'ready' AND t.expires_at <= v_now ORDER BY t.expires_at LIMIT 1;
    IF FOUND THEN
        SELECT array_agg(o.task_id ORDER BY o.task_id), array_agg(DISTINCT o.model) INTO v_tasks, v_models FROM (
            SELECT t.task_id, t.model FROM daybook.task AS t
            WHERE t.user_id = v_user AND t.batch_id = v_batch AND t.state = 'ready' AND (t.expires_at <= v_now) IS TRUE
            LIMIT p_limit
        ) AS o;
    ELSE
        v_state := 'unknown';
        SELECT t.user_id, t.batch_id INTO v_user, v_batch FROM daybook.task AS t
        WHERE t.state = 'unknown' AND t.deadline_at <= v_now ORDER BY t.deadline_at LIMIT 1;
        IF NOT FOUND THEN RETURN 0; END IF;
        SELECT array_agg(o.task_id ORDER BY o.task_id) INTO v_tasks FROM (
            SELECT t.task_id FROM daybook.task AS t
            WHERE t.user_id = v_user AND t.batch_id = v_batch AND t.state = 'unknown'
                AND (t.deadline_at <= v_now) IS TRUE
            LIMIT p_limit
        ) AS o;
    END IF;
    IF v_tasks IS NULL THEN RETURN 0; END IF;
    PERFORM FROM daybook.batch WHERE user_id = v_user AND batch_id = v_batch FOR NO KEY UPDATE;
    SELECT count(*) INTO v_ended
    FROM daybook.end_tasks(v_user, v_batch, v_tasks, ARRAY[v_state],
        array_fill('failed'::text, ARRAY[cardinality(v_tasks)]),
        array_fill('error'::text, ARRAY[cardinality(v_tasks)]),
        array_fill(CASE v_state WHEN 'ready' THEN 'timeout' ELSE 'unknown' END, ARRAY[cardinality(v_tasks)]),
        array_fill(CASE v_state WHEN 'ready' THEN 'It was not handed over in time.'
            ELSE 'The provider never said whether it took it.' END, ARRAY[cardinality(v_tasks)]),
        array_fill(NULL::text, ARRAY[cardinality(v_tasks)]));
    IF v_models IS NOT NULL THEN PERFORM daybook.announce_ready(v_user, v_models); END IF;
    RETURN v_ended;
END $$;

-- Cancels what was not handed over: it ends and its credit goes back as one tranche. What the provider has runs on.
-- Gives the credits that went back by this call, NULL where the batch is settled already.
CREATE OR REPLACE FUNCTION daybook.cancel(p_user uuid, p_batch uuid) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_tasks uuid[];
    v_models text[];
    v_before bigint;
    v_count integer;
BEGIN
    SELECT refunded INTO v_before FROM daybook.batch
    WHERE user_id = p_user AND batch_id = p_batch AND owner = 'engine' AND settled_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    UPDATE daybook.batch SET cancel_requested_at = coalesce(cancel_requested_at, daybook.clock())
    WHERE user_id = p_user AND batch_id = p_batch;
    SELECT array_agg(task_id), array_agg(DISTINCT model), count(*) INTO v_tasks, v_models, v_count FROM (
        SELECT task_id, model FROM daybook.task WHERE user_id = p_user AND batch_id = p_batch AND state = 'ready'
        ORDER BY task_id FOR NO KEY UPDATE
    ) AS t;
    IF v_count > 0 THEN
        PERFORM daybook.end_tasks(p_user, p_batch, v_tasks, ARRAY['ready'],
            array_fill('cancelled'::text, ARRAY[v_count]), array_fill(NULL::text, ARRAY[v_count]),
            array_fill(NULL::text, ARRAY[v_count]), array_fill('Cancelled by the customer.'::text, ARRAY[v_count]),
            array_fill(NULL::text, ARRAY[v_count]));
    END IF;
    -- Where tasks are still at the provider, end_tasks has not settled: the cancelled part goes back now.
    PERFORM daybook.refund_failures(p_user, p_batch) FROM daybook.batch
    WHERE user_id = p_user AND batch_id = p_batch AND settled_at IS NULL;
    IF v_count > 0 THEN PERFORM daybook.announce_ready(p_user, v_models); END IF;
    RETURN (SELECT refunded - v_before FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch);
END $$;

-- ---------------------------------------------------------------- sweeps that read what they handle

-- Gives failures back while their batch still runs, at least every p_age; settles a batch that nothing keeps open. One
-- batch a call; gives false once there is none.
CREATE OR REPLACE FUNCTION daybook.flush(p_age interval) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off AS $$
DECLARE
    v_batch daybook.batch;
    -- A value, which an index can be asked for: the clock itself would be asked again for every batch that runs.
    v_until timestamptz := daybook.clock() - p_age;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch
    WHERE settled_at IS NULL AND owner = 'engine' AND flushed_at <= v_until
    ORDER BY flushed_at LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE daybook.batch SET flushed_at = daybook.clock()
    WHERE user_id = v_batch.user_id AND batch_id = v_batch.batch_id;
    IF NOT daybook.settle(v_batch.user_id, v_batch.batch_id) THEN
        PERFORM daybook.refund_failures(v_batch.user_id, v_batch.batch_id);
    END IF;
    RETURN true;
END $$;

-- Takes out expired bonus credit of one customer; gives false once there is none.
CREATE OR REPLACE FUNCTION daybook.expire_credit() RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_user uuid;
BEGIN
    -- A customer who was deleted leaves lots, and no wallet that could lose anything.
    SELECT l.user_id INTO v_user FROM daybook.lot AS l
    JOIN public.credit_wallet AS w ON w.user_id = l.user_id
    WHERE l.kind = 'bonus' AND l.remaining > 0 AND l.expires_at <= v_now
    ORDER BY l.expires_at LIMIT 1;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM daybook.hold_wallet(v_user);
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION
    daybook.announce_ready, daybook.mend_turns, daybook.claim, daybook.note_answers, daybook.close_gate,
    daybook.end_overdue, daybook.cancel, daybook.flush, daybook.expire_credit
FROM PUBLIC;
