-- Over 400 lines, because what records a set and what settles a batch by it stands together.
--
-- What a worker records comes in sets: many answers, or many endings of many batches, are one statement and one commit.
--
-- Locks, in one order for everybody: the worker, the gates by their models, the tasks by customer and task, then all
-- batches of the set by customer and batch, then their wallets in the same order. No batch is locked after a wallet, so
-- that sets of batches that overlap wait for each other and not in a circle; those that do not overlap do not wait.

-- ---------------------------------------------------------------- answers

-- As daybook.accept, for many: where a submission is open and nobody has the id yet, all of them are written together;
-- what is not so plain goes the way of one. Gives the tasks whose acceptance was news.
CREATE FUNCTION daybook.accept_all(p_users uuid[], p_nonces bytea[], p_provider_tasks text[], p_worker bigint)
RETURNS SETOF daybook.task LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_users uuid[];
    v_nonces bytea[];
    v_ids text[];
    v_tasks tid[];
    v_states text[];
    v_seconds bigint[];
    v_submissions tid[];
    v_plain_tasks tid[];
    v_plain_ids text[];
    v_plain_seconds bigint[];
    v_others bigint[];
    v_number bigint;
BEGIN
    -- Tasks in one order.
    SELECT array_agg(o.user_id), array_agg(o.nonce), array_agg(o.provider_task), array_agg(t.place),
        array_agg(t.state), array_agg(t.seconds)
    INTO v_users, v_nonces, v_ids, v_tasks, v_states, v_seconds
    FROM (
        SELECT k.user_id, k.nonce, k.provider_task, s.task_id
        FROM unnest(p_users, p_nonces, p_provider_tasks) AS k (user_id, nonce, provider_task)
        CROSS JOIN LATERAL (
            SELECT s.task_id FROM daybook.submission AS s
            WHERE s.user_id = k.user_id AND s.nonce = k.nonce LIMIT 1
        ) AS s
        ORDER BY k.user_id, s.task_id
    ) AS o
    CROSS JOIN LATERAL (
        SELECT t.ctid AS place, t.state, (
                SELECT g.deadline_seconds FROM daybook.model_gate AS g WHERE g.model = t.model
            ) AS seconds
        FROM daybook.task AS t
        WHERE t.user_id = o.user_id AND t.task_id = o.task_id LIMIT 1
        FOR NO KEY UPDATE
    ) AS t;
    IF v_users IS NULL THEN RETURN; END IF;
    -- Behind the locks of the tasks, and in a statement of its own: nobody else changes these submissions any more.
    SELECT array_agg(p.submission) FILTER (WHERE p.is_plain), array_agg(p.task) FILTER (WHERE p.is_plain),
        array_agg(p.provider_task) FILTER (WHERE p.is_plain), array_agg(p.seconds) FILTER (WHERE p.is_plain),
        array_agg(p.number ORDER BY p.number) FILTER (WHERE NOT p.is_plain)
    INTO v_submissions, v_plain_tasks, v_plain_ids, v_plain_seconds, v_others
    FROM (
        SELECT k.number, k.task, k.provider_task, k.seconds, s.place AS submission,
            k.state IN ('intent', 'unknown') AND s.outcome IN ('intent', 'unknown') AND s.provider_task_id IS NULL
                AND x.is_there IS NULL AND count(*) OVER (PARTITION BY k.provider_task) = 1 AS is_plain
        FROM unnest(v_users, v_nonces, v_ids, v_tasks, v_states, v_seconds) WITH ORDINALITY
            AS k (user_id, nonce, provider_task, task, state, seconds, number)
        CROSS JOIN LATERAL (
            SELECT s.ctid AS place, s.outcome, s.provider_task_id FROM daybook.submission AS s
            WHERE s.user_id = k.user_id AND s.nonce = k.nonce LIMIT 1
        ) AS s
        LEFT JOIN LATERAL (
            SELECT true AS is_there FROM daybook.submission AS x WHERE x.provider_task_id = k.provider_task LIMIT 1
        ) AS x ON true
    ) AS p;
    -- The rows stay where they are while their tasks are locked.
    IF v_submissions IS NOT NULL THEN
        UPDATE daybook.submission AS s
        SET outcome = 'accepted', provider_task_id = k.provider_task, is_hinted = false, answered_at = v_now
        FROM unnest(v_submissions, v_plain_ids) AS k (place, provider_task)
        WHERE s.ctid = k.place;
        RETURN QUERY
        UPDATE daybook.task AS t
        SET state = 'accepted', provider_task_id = k.provider_task, worker_id = p_worker, accepted_at = v_now,
            deadline_at = v_now + k.seconds * interval '1 second'
        FROM unnest(v_plain_tasks, v_plain_ids, v_plain_seconds) AS k (place, provider_task, seconds)
        WHERE t.ctid = k.place
        RETURNING t.*;
    END IF;
    FOREACH v_number IN ARRAY coalesce(v_others, '{}') LOOP
        CONTINUE WHEN NOT daybook.accept(v_users[v_number], v_nonces[v_number], v_ids[v_number], p_worker);
        RETURN QUERY
        SELECT t.* FROM daybook.task AS t
        WHERE t.user_id = v_users[v_number] AND t.task_id = (
            SELECT s.task_id FROM daybook.submission AS s
            WHERE s.user_id = v_users[v_number] AND s.nonce = v_nonces[v_number]);
    END LOOP;
END $$;

-- What the provider said to many submissions: at the gates of the models, of those that it took, and of those of which
-- nobody knows. Gives the tasks that are p_worker's to poll from now on, and each gate that these answers closed, in a
-- row of its own. Raises DB410 where the worker was declared dead.
CREATE FUNCTION daybook.record_answers(
    p_worker bigint, p_gates text[], p_taken bigint[], p_failed bigint[], p_pauses bigint[], p_accounts boolean[],
    p_users uuid[], p_nonces bytea[], p_provider_tasks text[], p_lost_users uuid[], p_lost_nonces bytea[],
    p_remarks text[]
) RETURNS TABLE (
    closed_gate text, user_id uuid, batch_id uuid, task_id uuid, model text, provider_task_id text, age bigint,
    seconds_left bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_number integer;
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    FOR v_number IN 1..cardinality(p_gates) LOOP
        IF daybook.note_answers(p_gates[v_number], p_taken[v_number]::integer, p_failed[v_number]::integer,
            p_pauses[v_number], p_accounts[v_number])
        THEN
            closed_gate := p_gates[v_number];
            RETURN NEXT;
        END IF;
    END LOOP;
    closed_gate := NULL;
    IF cardinality(p_nonces) > 0 THEN
        v_now := daybook.clock();
        RETURN QUERY
        SELECT NULL::text, t.user_id, t.batch_id, t.task_id, t.model, t.provider_task_id,
            extract(epoch FROM v_now - t.accepted_at)::bigint, extract(epoch FROM t.deadline_at - v_now)::bigint
        FROM daybook.accept_all(p_users, p_nonces, p_provider_tasks, p_worker) AS t;
    END IF;
    IF cardinality(p_lost_nonces) > 0 THEN PERFORM daybook.lose(p_lost_users, p_lost_nonces, p_remarks); END IF;
END $$;

-- ---------------------------------------------------------------- endings

-- The last of a batch's open tasks is found first: tasks end more or less in the order of their places in the batch, so
-- that those which have ended, and are in the index until nobody can see them any more, stand behind it.
LOCK TABLE daybook.task IN ACCESS EXCLUSIVE MODE;
DROP INDEX daybook.task_open;
CREATE INDEX task_open ON daybook.task (user_id, batch_id, batch_index)
    WHERE state IN ('ready', 'intent', 'unknown', 'accepted');

-- Ends tasks of any batches: only those that are still in one of the states named, and, where p_provider_tasks names
-- what was asked for, have that id still. Then settles the batches whose last ones they were, and says of the others
-- that a refund is due: in half a minute, so that what fails together goes back together. Gives the tasks that ended.
CREATE FUNCTION daybook.end_all(
    p_users uuid[], p_batches uuid[], p_tasks uuid[], p_from text[], p_states text[], p_failure_reasons text[],
    p_failure_types text[], p_errors text[], p_urls text[], p_provider_tasks text[]
) RETURNS SETOF uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_users uuid[];
    v_batches uuid[];
    v_ended uuid[];
    v_places tid[];
    v_states text[];
    v_reasons text[];
    v_types text[];
    v_errors text[];
    v_urls text[];
    v_attempts integer[];
    v_provider_tasks text[];
    v_owners uuid[];
    v_open uuid[];
    v_relations oid[];
    v_videos tid[];
    v_facts tid[];
    v_refunds boolean[];
    v_task record;
    v_batch record;
BEGIN
    -- In one order, so that two who end the same tasks wait for each other and not in a circle; each once.
    SELECT array_agg(e.user_id), array_agg(e.batch_id), array_agg(e.task_id), array_agg(t.place), array_agg(e.state),
        array_agg(e.failure_reason), array_agg(e.failure_type), array_agg(e.error), array_agg(e.url),
        array_agg(t.attempts), array_agg(t.provider_task_id),
        array_agg(e.user_id) FILTER (WHERE t.before IN ('intent', 'unknown')),
        array_agg(e.task_id) FILTER (WHERE t.before IN ('intent', 'unknown'))
    INTO v_users, v_batches, v_ended, v_places, v_states, v_reasons, v_types, v_errors, v_urls, v_attempts,
        v_provider_tasks, v_owners, v_open
    FROM (
        SELECT DISTINCT ON (u.user_id, u.task_id, u.asked) u.*
        FROM unnest(p_users, p_batches, p_tasks, p_states, p_failure_reasons, p_failure_types, p_errors, p_urls,
                p_provider_tasks)
            AS u (user_id, batch_id, task_id, state, failure_reason, failure_type, error, url, asked)
        ORDER BY u.user_id, u.task_id, u.asked
    ) AS e
    CROSS JOIN LATERAL (
        SELECT t.ctid AS place, t.batch_id, t.state AS before, t.attempts, t.provider_task_id
        FROM daybook.task AS t
        WHERE t.user_id = e.user_id AND t.task_id = e.task_id LIMIT 1
        FOR NO KEY UPDATE
    ) AS t
    WHERE t.batch_id = e.batch_id AND t.before = ANY (p_from) AND (e.asked IS NULL OR e.asked = t.provider_task_id);
    IF v_ended IS NULL THEN RETURN; END IF;
    -- What stands beside the tasks, locked too, so that it stays where it is: by its table, where that has parts.
    SELECT array_agg(v.relation), array_agg(v.place), array_agg(f.place) INTO v_relations, v_videos, v_facts
    FROM unnest(v_users, v_ended) AS e (user_id, task_id)
    LEFT JOIN LATERAL (
        SELECT v.tableoid AS relation, v.ctid AS place FROM public.video_tasks AS v
        WHERE v.user_id = e.user_id AND v.id = e.task_id LIMIT 1
        FOR NO KEY UPDATE
    ) AS v ON true
    LEFT JOIN LATERAL (
        SELECT f.ctid AS place FROM daybook.task_fact AS f
        WHERE f.user_id = e.user_id AND f.task_id = e.task_id LIMIT 1
        FOR NO KEY UPDATE
    ) AS f ON true;
    UPDATE daybook.task AS t SET state = k.state, ended_at = v_now, worker_id = NULL
    FROM unnest(v_places, v_states) AS k (place, state)
    WHERE t.ctid = k.place;
    UPDATE public.video_tasks AS v
    SET status = CASE k.state WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END,
        progress = CASE k.state WHEN 'succeeded' THEN 100 ELSE v.progress END,
        failure_reason = k.reason, failure_type = k.type, error_message = k.error, video_url = k.url,
        grsai_task_id = k.provider_task_id, attempts = k.attempts, updated_at = v_now, completed_at = v_now
    FROM unnest(v_relations, v_videos, v_states, v_reasons, v_types, v_errors, v_urls, v_provider_tasks, v_attempts)
        AS k (relation, place, state, reason, type, error, url, provider_task_id, attempts)
    WHERE v.ctid = k.place AND v.tableoid = k.relation;
    UPDATE daybook.task_fact AS f
    SET terminal_at = v_now, cancelled_at = CASE WHEN k.state = 'cancelled' THEN v_now END
    FROM unnest(v_facts, v_states) AS k (place, state)
    WHERE f.ctid = k.place;
    -- What was accepted has no open submission but the accepted one.
    FOR v_task IN SELECT k.user_id, k.task_id FROM unnest(v_owners, v_open) AS k (user_id, task_id) LOOP
        UPDATE daybook.submission AS s SET outcome = 'abandoned', answered_at = coalesce(s.answered_at, v_now)
        WHERE s.user_id = v_task.user_id AND s.task_id = v_task.task_id AND s.outcome IN ('intent', 'unknown');
    END LOOP;
    PERFORM daybook.record_access(g.user_id, g.videos, NULL, 'generate', 'internal') FROM (
        SELECT k.user_id, array_agg(k.task_id) AS videos
        FROM unnest(v_users, v_ended, v_states) AS k (user_id, task_id, state)
        WHERE k.state = 'succeeded'
        GROUP BY k.user_id
    ) AS g;
    -- All batches before the first wallet.
    SELECT array_agg(b.user_id), array_agg(b.batch_id), array_agg(b.is_refund) INTO v_users, v_batches, v_refunds FROM (
        SELECT k.user_id, k.batch_id, bool_or(k.state <> 'succeeded') AS is_refund
        FROM unnest(v_users, v_batches, v_states) AS k (user_id, batch_id, state)
        GROUP BY k.user_id, k.batch_id
        ORDER BY k.user_id, k.batch_id
    ) AS b
    CROSS JOIN LATERAL (
        SELECT FROM daybook.batch AS l WHERE l.user_id = b.user_id AND l.batch_id = b.batch_id LIMIT 1
        FOR NO KEY UPDATE
    ) AS l;
    -- Under the locks, and in a statement of its own: it sees what everybody before us committed.
    FOR v_batch IN
        SELECT k.user_id, k.batch_id, k.is_refund, o.is_open
        FROM unnest(v_users, v_batches, v_refunds) AS k (user_id, batch_id, is_refund)
        LEFT JOIN LATERAL (
            SELECT true AS is_open FROM daybook.task AS t
            WHERE t.user_id = k.user_id AND t.batch_id = k.batch_id
                AND t.state IN ('ready', 'intent', 'unknown', 'accepted')
            ORDER BY t.batch_index DESC LIMIT 1
        ) AS o ON true
    LOOP
        CONTINUE WHEN v_batch.is_open IS NULL AND daybook.settle(v_batch.user_id, v_batch.batch_id);
        CONTINUE WHEN NOT v_batch.is_refund;
        UPDATE daybook.batch SET refund_due_at = v_now + interval '30 seconds'
        WHERE user_id = v_batch.user_id AND batch_id = v_batch.batch_id
            AND (settled_at IS NULL AND refund_due_at IS NULL) IS TRUE;
    END LOOP;
    RETURN QUERY SELECT unnest(v_ended);
END $$;

-- The same of one batch.
CREATE OR REPLACE FUNCTION daybook.end_tasks(
    p_user uuid, p_batch uuid, p_tasks uuid[], p_from text[], p_states text[], p_failure_reasons text[],
    p_failure_types text[], p_errors text[], p_urls text[], p_provider_tasks text[] DEFAULT NULL
) RETURNS SETOF uuid LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT e.task_id FROM daybook.end_all(
        array_fill(p_user, ARRAY[cardinality(p_tasks)]), array_fill(p_batch, ARRAY[cardinality(p_tasks)]), p_tasks,
        p_from, p_states, p_failure_reasons, p_failure_types, p_errors, p_urls, p_provider_tasks) AS e (task_id);
END $$;

-- What a worker's polls found: accepted tasks that have ended, of any batches. Raises DB410 where the worker was
-- declared dead. A lock that somebody keeps holds up nobody else's endings for long: the caller leaves those to later.
CREATE FUNCTION daybook.end_accepted(
    p_worker bigint, p_users uuid[], p_batches uuid[], p_tasks uuid[], p_states text[], p_failure_reasons text[],
    p_failure_types text[], p_errors text[], p_urls text[], p_provider_tasks text[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    RETURN QUERY
    SELECT e.task_id FROM daybook.end_all(p_users, p_batches, p_tasks, ARRAY['accepted'], p_states, p_failure_reasons,
        p_failure_types, p_errors, p_urls, p_provider_tasks) AS e (task_id);
END $$;

-- An access of each video, as before, all at one instant.
CREATE OR REPLACE FUNCTION daybook.record_access(
    p_owner uuid, p_videos uuid[], p_viewer uuid, p_action text, p_source text
) RETURNS integer LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_count integer;
BEGIN
    IF p_action NOT IN ('generate', 'play', 'download', 'embed', 'share') THEN
        RAISE EXCEPTION 'An access is generate, play, download, embed or share, not %', p_action
            USING ERRCODE = 'DB400';
    END IF;
    INSERT INTO public.video_external_access_log (
        video_id, user_id, owner_id, action, source, policy_snapshot, created_at)
    SELECT v.id, p_viewer, v.user_id, p_action, p_source, v.external_access_policy, v_now
    FROM unnest(p_videos) AS k (id)
    CROSS JOIN LATERAL (
        SELECT v.* FROM public.video_tasks AS v WHERE v.user_id = p_owner AND v.id = k.id LIMIT 1
    ) AS v;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;

-- ---------------------------------------------------------------- settlement: a batch is read once

-- Gives back what a batch holds and no longer needs: p_costs says, by model, what its tasks cost that did not fail. The
-- caller holds the batch. Gives the credits that went back.
CREATE FUNCTION daybook.give_back_rest(p_user uuid, p_batch uuid, p_models text[], p_costs bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_models text[];
    v_credits bigint[];
BEGIN
    SELECT array_agg(d.model), array_agg(d.kept - coalesce(t.cost, 0)) INTO v_models, v_credits
    FROM (
        SELECT model, sum(credits - returned)::bigint AS kept
        FROM daybook.draw WHERE user_id = p_user AND batch_id = p_batch GROUP BY model
    ) AS d
    LEFT JOIN unnest(p_models, p_costs) AS t (model, cost) ON t.model = d.model
    WHERE d.kept > coalesce(t.cost, 0);
    IF v_models IS NULL THEN RETURN 0; END IF;
    PERFORM daybook.give_back(p_user, p_batch, v_models, v_credits);
    RETURN (SELECT sum(c) FROM unnest(v_credits) AS c);
END $$;

CREATE OR REPLACE FUNCTION daybook.refund_failures(p_user uuid, p_batch uuid) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_models text[];
    v_costs bigint[];
BEGIN
    SELECT array_agg(c.model), array_agg(c.cost) INTO v_models, v_costs FROM (
        SELECT model, sum(cost) FILTER (WHERE state NOT IN ('failed', 'timed_out', 'cancelled'))::bigint AS cost
        FROM daybook.task
        WHERE user_id = p_user AND batch_id = p_batch AND batch_index >= 0
        GROUP BY model
    ) AS c;
    RETURN daybook.give_back_rest(p_user, p_batch, v_models, v_costs);
END $$;

-- As before; the tasks are read once, for the refund and for the sums, and no refund is due any more.
CREATE OR REPLACE FUNCTION daybook.settle(p_user uuid, p_batch uuid) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_now timestamptz;
    v_models text[];
    v_costs bigint[];
    v_spent bigint;
    v_succeeded integer;
    v_failed integer;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    IF NOT FOUND OR v_batch.owner <> 'engine' OR v_batch.settled_at IS NOT NULL THEN RETURN false; END IF;
    -- Under the lock, and in a statement of its own: it sees what everybody before us committed.
    PERFORM FROM daybook.task
    WHERE user_id = p_user AND batch_id = p_batch AND state IN ('ready', 'intent', 'unknown', 'accepted')
    ORDER BY batch_index DESC LIMIT 1;
    IF FOUND THEN RETURN false; END IF;
    SELECT array_agg(c.model), array_agg(c.cost), coalesce(sum(c.spent), 0), coalesce(sum(c.succeeded), 0),
        coalesce(sum(c.failed), 0)
    INTO v_models, v_costs, v_spent, v_succeeded, v_failed
    FROM (
        SELECT model, sum(cost) FILTER (WHERE state NOT IN ('failed', 'timed_out', 'cancelled'))::bigint AS cost,
            sum(cost) FILTER (WHERE state = 'succeeded') AS spent, count(*) FILTER (WHERE state = 'succeeded')
                AS succeeded, count(*) FILTER (WHERE state <> 'succeeded') AS failed
        FROM daybook.task WHERE user_id = p_user AND batch_id = p_batch AND batch_index >= 0
        GROUP BY model
    ) AS c;
    PERFORM daybook.give_back_rest(p_user, p_batch, v_models, v_costs);
    v_now := daybook.clock();
    UPDATE daybook.batch SET spent = v_spent, settled_at = v_now, refund_due_at = NULL
    WHERE user_id = p_user AND batch_id = p_batch;
    UPDATE public.batch_jobs
    SET status = CASE WHEN v_failed = 0 THEN 'completed' WHEN v_succeeded = 0 THEN 'failed' ELSE 'partial' END,
        success_count = v_succeeded, failed_count = v_failed, credits_spent = v_spent,
        settlement_status = CASE WHEN v_succeeded = 0 THEN 'refunded' ELSE 'finalized' END,
        updated_at = v_now, completed_at = v_now
    WHERE user_id = p_user AND id = p_batch;
    RETURN true;
END $$;

-- ---------------------------------------------------------------- one plan for each statement

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'daybook'::regnamespace AND p.proname IN (
            'accept_all', 'record_answers', 'end_all', 'end_tasks', 'end_accepted', 'give_back_rest',
            'record_access', 'refund_failures', 'settle')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off '
            'SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off '
            'SET plan_cache_mode = force_generic_plan', v_function);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION
    daybook.accept_all, daybook.record_answers, daybook.end_all, daybook.end_tasks, daybook.end_accepted,
    daybook.record_access, daybook.give_back_rest, daybook.refund_failures, daybook.settle
FROM PUBLIC;
