-- A worker without work gives its sign of life and writes nothing else. The same statement says what there is to do, so
-- that nobody has to try: each of the questions is answered by one entry of an index.

-- A sign of life is written where the last one stood.
ALTER TABLE daybook.worker SET (fillfactor = 50);
CREATE INDEX worker_live ON daybook.worker (worker_id) WHERE state = 'live';
CREATE INDEX worker_gone ON daybook.worker (ended_at) WHERE state <> 'live';

-- Writes a worker's sign of life, and gives the models of which something can be claimed now, the milliseconds until
-- somebody's next turn (NULL where nobody waits for one), and which sweeps have something to do. Raises DB410 where the
-- worker was declared dead.
CREATE FUNCTION daybook.look(
    p_worker bigint, p_silence_ms bigint, p_flush_seconds bigint, OUT ready text[], OUT ready_in_ms bigint,
    OUT chores text[]
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_silent timestamptz := clock_timestamp() - p_silence_ms * interval '1 millisecond';
    v_gone timestamptz := clock_timestamp() - interval '7 days';
    v_flush timestamptz := v_now - p_flush_seconds * interval '1 second';
    v_gate record;
    v_turn timestamptz;
BEGIN
    PERFORM daybook.heartbeat(p_worker);
    ready := '{}';
    FOR v_gate IN SELECT g.model, g.blocked_until, g.last_turn_at FROM daybook.model_gate AS g LOOP
        SELECT r.turn_at INTO v_turn FROM daybook.ready_customer AS r
        WHERE r.model = v_gate.model AND r.turn_at <= 'infinity' ORDER BY r.turn_at, r.user_id LIMIT 1;
        CONTINUE WHEN NOT FOUND OR v_turn = 'infinity' OR v_gate.blocked_until = 'infinity';
        -- Turns of one instant are told apart by their order.
        IF v_turn <= v_gate.last_turn_at THEN v_turn := v_now; END IF;
        v_turn := greatest(v_turn, v_gate.blocked_until);
        IF v_turn <= v_now THEN
            ready := ready || v_gate.model;
        ELSE
            ready_in_ms := least(ready_in_ms, ceil(extract(epoch FROM v_turn - v_now) * 1000)::bigint);
        END IF;
    END LOOP;
    chores := array_remove(ARRAY[
        CASE WHEN (
            SELECT true FROM daybook.worker AS w
            WHERE w.state = 'live' AND greatest(w.heartbeat_at, pg_postmaster_start_time()) < v_silent
            ORDER BY w.worker_id LIMIT 1
        ) OR (
            SELECT true FROM daybook.worker AS w WHERE w.state <> 'live' AND w.ended_at < v_gone
            ORDER BY w.ended_at LIMIT 1
        ) THEN 'bury' END,
        CASE WHEN (
            SELECT true FROM daybook.task AS t WHERE t.worker_id IS NULL AND t.state = 'accepted' LIMIT 1
        ) THEN 'adopt' END,
        CASE WHEN (
            SELECT true FROM daybook.task AS t WHERE t.state = 'ready' AND t.expires_at <= v_now
            ORDER BY t.expires_at LIMIT 1
        ) OR (
            SELECT true FROM daybook.task AS t WHERE t.state = 'unknown' AND t.deadline_at <= v_now
            ORDER BY t.deadline_at LIMIT 1
        ) THEN 'overdue' END,
        CASE WHEN (
            SELECT true FROM daybook.batch AS b
            WHERE b.settled_at IS NULL AND b.owner = 'engine' AND b.flushed_at <= v_flush
            ORDER BY b.flushed_at LIMIT 1
        ) OR (
            SELECT true FROM daybook.batch AS b WHERE b.refund_due_at <= v_now ORDER BY b.refund_due_at LIMIT 1
        ) THEN 'flush' END,
        CASE WHEN (
            SELECT true FROM daybook.lot AS l JOIN public.credit_wallet AS w ON w.user_id = l.user_id
            WHERE l.kind = 'bonus' AND l.remaining > 0 AND l.expires_at <= v_now
            ORDER BY l.expires_at LIMIT 1
        ) THEN 'expire' END,
        CASE WHEN (
            SELECT true FROM daybook.provider_hint AS h WHERE h.next_ask_at <= v_now ORDER BY h.next_ask_at LIMIT 1
        ) THEN 'hints' END
    ], NULL);
END $$;

-- Declares the workers dead that have not been heard of for so long; a server that has just started gives everybody
-- that long. The rows of those that are gone for a week go too, some at a time: they say nothing to anybody any more.
CREATE OR REPLACE FUNCTION daybook.bury(p_silence interval) RETURNS bigint[] LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_worker bigint;
    v_buried bigint[] := '{}';
    v_silent timestamptz := clock_timestamp() - p_silence;
    v_gone timestamptz := clock_timestamp() - interval '7 days';
    v_rows tid[];
BEGIN
    FOR v_worker IN
        SELECT w.worker_id FROM daybook.worker AS w
        WHERE w.state = 'live' AND greatest(w.heartbeat_at, pg_postmaster_start_time()) < v_silent
        ORDER BY w.worker_id
        FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM daybook.leave(v_worker, 'dead');
        v_buried := v_buried || v_worker;
    END LOOP;
    v_rows := ARRAY(
        SELECT g.place FROM (
            SELECT w.ctid AS place FROM daybook.worker AS w
            WHERE w.state <> 'live' AND w.ended_at < v_gone ORDER BY w.ended_at LIMIT 100
            FOR UPDATE SKIP LOCKED
        ) AS g);
    DELETE FROM daybook.worker WHERE ctid = ANY (v_rows);
    RETURN v_buried;
END $$;

-- Gives back what failed in a batch that still runs, once that is due; else settles a batch that nothing keeps open,
-- which is looked at every p_age. One batch a call; gives false once there is none.
CREATE OR REPLACE FUNCTION daybook.flush(p_age interval) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch record;
    -- Values, which an index can be asked for: the clock itself would be asked again for every batch that runs.
    v_now timestamptz := daybook.clock();
    v_until timestamptz := v_now - p_age;
BEGIN
    SELECT b.user_id, b.batch_id INTO v_batch FROM daybook.batch AS b
    WHERE b.refund_due_at <= v_now ORDER BY b.refund_due_at LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT b.user_id, b.batch_id INTO v_batch FROM daybook.batch AS b
        WHERE b.settled_at IS NULL AND b.owner = 'engine' AND b.flushed_at <= v_until
        ORDER BY b.flushed_at LIMIT 1
        FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN RETURN false; END IF;
    END IF;
    UPDATE daybook.batch SET flushed_at = v_now, refund_due_at = NULL
    WHERE user_id = v_batch.user_id AND batch_id = v_batch.batch_id;
    IF NOT daybook.settle(v_batch.user_id, v_batch.batch_id) THEN
        PERFORM daybook.refund_failures(v_batch.user_id, v_batch.batch_id);
    END IF;
    RETURN true;
END $$;

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'daybook'::regnamespace AND p.proname IN ('look', 'bury', 'flush')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off '
            'SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off '
            'SET plan_cache_mode = force_generic_plan', v_function);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION daybook.look, daybook.bury, daybook.flush FROM PUBLIC;
