-- Room beside what is known of a task: its instants are written later than its row, none of them is in an index, and so
-- a change that finds room on the row's page touches no index.
ALTER TABLE daybook.task_fact SET (fillfactor = 70);
-- A turn is changed with every claim, and its place in the line is what the index is about: what is dead goes soon.
ALTER TABLE daybook.ready_customer SET (autovacuum_vacuum_scale_factor = 0.01);

-- ---------------------------------------------------------------- what there is to do

DROP FUNCTION daybook.look(bigint, bigint, bigint);

-- Writes a worker's sign of life, and gives the models of which something can be claimed now, the milliseconds until
-- somebody's next turn (NULL where nobody waits for one), which sweeps have something to do, and how many workers live:
-- many of them need not all look every second. Raises DB410 where the worker was declared dead.
CREATE FUNCTION daybook.look(
    p_worker bigint, p_silence_ms bigint, p_flush_seconds bigint, OUT ready text[], OUT ready_in_ms bigint,
    OUT chores text[], OUT live bigint
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
    FOR v_gate IN SELECT g.model, g.blocked_until, g.last_turn_at FROM daybook.model_gate AS g ORDER BY g.model LOOP
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
    SELECT count(*) INTO live FROM daybook.worker AS w WHERE w.state = 'live';
END $$;

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'daybook'::regnamespace AND p.proname = 'look'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off '
            'SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off '
            'SET plan_cache_mode = force_generic_plan', v_function);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION daybook.look FROM PUBLIC;
