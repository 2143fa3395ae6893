-- Over 300 lines, because what ends tasks is written once more as a whole.
--
-- Copies of videos. A success that a worker finds ends its task once the video lies in the store: until then the task
-- stays accepted, and its worker's, so that what a dead worker leaves is taken over as ever, and so that what waits for
-- a copy is bounded by the gate of its model. Nothing here is touched where no worker has a store.

CREATE TABLE IF NOT EXISTS daybook.video_store (
    store_id uuid        NOT NULL,
    is_only  boolean     NOT NULL DEFAULT true,
    made_at  timestamptz NOT NULL,
    CONSTRAINT video_store_pkey PRIMARY KEY (is_only),
    CONSTRAINT video_store_only_one CHECK (is_only)
);
COMMENT ON TABLE daybook.video_store IS 'The store of the videos: the number that its folder carries as a mark.';

CREATE TABLE IF NOT EXISTS daybook.video_copy (
    user_id          uuid        NOT NULL,
    task_id          uuid        NOT NULL,
    provider_task_id text        NOT NULL,
    state            text        NOT NULL DEFAULT 'copying',
    source_url       text,
    found_at         timestamptz NOT NULL,
    give_up_at       timestamptz NOT NULL,
    attempts         integer     NOT NULL DEFAULT 0,
    remark           text,
    sha256           bytea,
    size_bytes       bigint,
    content_type     text,
    ended_at         timestamptz,
    removed_at       timestamptz,
    CONSTRAINT video_copy_pkey PRIMARY KEY (user_id, task_id),
    CONSTRAINT video_copy_task_exists FOREIGN KEY (user_id, task_id) REFERENCES daybook.task (user_id, task_id),
    CONSTRAINT video_copy_state_known CHECK (state IN ('copying', 'stored', 'given_up', 'removed')),
    CONSTRAINT video_copy_has_file CHECK (
        state NOT IN ('stored', 'removed')
        OR (sha256 IS NOT NULL AND size_bytes IS NOT NULL AND content_type IS NOT NULL AND ended_at IS NOT NULL)),
    CONSTRAINT video_copy_digest_is_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT video_copy_removed_at CHECK ((state = 'removed') = (removed_at IS NOT NULL))
) WITH (fillfactor = 80);
-- Who follows a link knows the video and not whose it is.
CREATE INDEX IF NOT EXISTS video_copy_stored ON daybook.video_copy (task_id) WHERE state = 'stored';
COMMENT ON TABLE daybook.video_copy IS
    'The copies of videos, under way and in the store. Digest and size stay when the file is removed.';

-- As before; p_instants says when each ended, where that was before now.
DROP FUNCTION daybook.end_all(
    uuid[], uuid[], uuid[], text[], text[], text[], text[], text[], text[], text[]);
CREATE FUNCTION daybook.end_all(
    p_users uuid[], p_batches uuid[], p_tasks uuid[], p_from text[], p_states text[], p_failure_reasons text[],
    p_failure_types text[], p_errors text[], p_urls text[], p_provider_tasks text[],
    p_instants timestamptz[] DEFAULT NULL
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
    v_instants timestamptz[];
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
        array_agg(t.attempts), array_agg(t.provider_task_id), array_agg(coalesce(e.at, v_now)),
        array_agg(e.user_id) FILTER (WHERE t.before IN ('intent', 'unknown')),
        array_agg(e.task_id) FILTER (WHERE t.before IN ('intent', 'unknown'))
    INTO v_users, v_batches, v_ended, v_places, v_states, v_reasons, v_types, v_errors, v_urls, v_attempts,
        v_provider_tasks, v_instants, v_owners, v_open
    FROM (
        SELECT DISTINCT ON (u.user_id, u.task_id, u.asked) u.*
        FROM unnest(p_users, p_batches, p_tasks, p_states, p_failure_reasons, p_failure_types, p_errors, p_urls,
                p_provider_tasks, p_instants)
            AS u (user_id, batch_id, task_id, state, failure_reason, failure_type, error, url, asked, at)
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
    UPDATE daybook.task AS t SET state = k.state, ended_at = k.at, worker_id = NULL
    FROM unnest(v_places, v_states, v_instants) AS k (place, state, at)
    WHERE t.ctid = k.place;
    UPDATE public.video_tasks AS v
    SET status = CASE k.state WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END,
        progress = CASE k.state WHEN 'succeeded' THEN 100 ELSE v.progress END,
        failure_reason = k.reason, failure_type = k.type, error_message = k.error, video_url = k.url,
        grsai_task_id = k.provider_task_id, attempts = k.attempts, updated_at = v_now, completed_at = k.at
    FROM unnest(v_relations, v_videos, v_states, v_reasons, v_types, v_errors, v_urls, v_provider_tasks, v_attempts,
            v_instants)
        AS k (relation, place, state, reason, type, error, url, provider_task_id, attempts, at)
    WHERE v.ctid = k.place AND v.tableoid = k.relation;
    UPDATE daybook.task_fact AS f
    SET terminal_at = k.at, cancelled_at = CASE WHEN k.state = 'cancelled' THEN k.at END
    FROM unnest(v_facts, v_states, v_instants) AS k (place, state, at)
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

-- Videos that a worker's polls found: the copies begin. Only tasks that are accepted still, under the id that was asked
-- for. The provider's address is as old as the first success that was found; their deadline is that of the copy from
-- now on. Gives what is to be copied. Raises DB410 where the worker was declared dead.
CREATE FUNCTION daybook.begin_copies(
    p_worker bigint, p_users uuid[], p_tasks uuid[], p_provider_tasks text[], p_urls text[], p_seconds bigint
) RETURNS TABLE (user_id uuid, task_id uuid, attempts bigint, source_url text, seconds_left bigint) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_users uuid[];
    v_tasks uuid[];
    v_places tid[];
    v_provider_tasks text[];
    v_urls text[];
    v_ends timestamptz[];
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    v_now := daybook.clock();
    SELECT array_agg(o.user_id), array_agg(o.task_id), array_agg(t.place), array_agg(o.asked), array_agg(o.url)
    INTO v_users, v_tasks, v_places, v_provider_tasks, v_urls
    FROM (
        SELECT DISTINCT ON (u.user_id, u.task_id) u.*
        FROM unnest(p_users, p_tasks, p_provider_tasks, p_urls) AS u (user_id, task_id, asked, url)
        ORDER BY u.user_id, u.task_id
    ) AS o
    CROSS JOIN LATERAL (
        SELECT t.ctid AS place, t.state, t.provider_task_id FROM daybook.task AS t
        WHERE t.user_id = o.user_id AND t.task_id = o.task_id LIMIT 1
        FOR NO KEY UPDATE
    ) AS t
    WHERE t.state = 'accepted' AND t.provider_task_id = o.asked;
    IF v_tasks IS NULL THEN RETURN; END IF;
    INSERT INTO daybook.video_copy AS c (user_id, task_id, provider_task_id, source_url, found_at, give_up_at)
    SELECT k.user_id, k.task_id, k.asked, k.url, v_now, v_now + p_seconds * interval '1 second'
    FROM unnest(v_users, v_tasks, v_provider_tasks, v_urls) AS k (user_id, task_id, asked, url)
    ON CONFLICT (user_id, task_id) DO UPDATE
    SET provider_task_id = EXCLUDED.provider_task_id, source_url = EXCLUDED.source_url, state = 'copying',
        found_at = CASE c.provider_task_id WHEN EXCLUDED.provider_task_id THEN c.found_at ELSE EXCLUDED.found_at END,
        give_up_at = CASE c.provider_task_id
            WHEN EXCLUDED.provider_task_id THEN c.give_up_at ELSE EXCLUDED.give_up_at END;
    SELECT array_agg(c.give_up_at ORDER BY k.number) INTO v_ends
    FROM unnest(v_users, v_tasks) WITH ORDINALITY AS k (user_id, task_id, number)
    CROSS JOIN LATERAL (
        SELECT c.give_up_at FROM daybook.video_copy AS c WHERE c.user_id = k.user_id AND c.task_id = k.task_id LIMIT 1
    ) AS c;
    UPDATE daybook.task AS t SET deadline_at = k.ends_at
    FROM unnest(v_places, v_ends) AS k (place, ends_at)
    WHERE t.ctid = k.place;
    RETURN QUERY SELECT * FROM daybook.copies_under_way(v_users, v_tasks);
END $$;

-- What is to be copied of these tasks.
CREATE FUNCTION daybook.copies_under_way(p_users uuid[], p_tasks uuid[])
RETURNS TABLE (user_id uuid, task_id uuid, attempts bigint, source_url text, seconds_left bigint) LANGUAGE plpgsql
STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
BEGIN
    RETURN QUERY
    SELECT k.user_id, k.task_id, c.attempts::bigint, c.source_url, extract(epoch FROM c.give_up_at - v_now)::bigint
    FROM unnest(p_users, p_tasks) AS k (user_id, task_id)
    CROSS JOIN LATERAL (
        SELECT c.* FROM daybook.video_copy AS c WHERE c.user_id = k.user_id AND c.task_id = k.task_id LIMIT 1
    ) AS c
    CROSS JOIN LATERAL (
        SELECT t.provider_task_id FROM daybook.task AS t
        WHERE t.user_id = k.user_id AND t.task_id = k.task_id LIMIT 1
    ) AS t
    WHERE c.state = 'copying' AND c.provider_task_id = t.provider_task_id;
END $$;

-- A try failed: why, and under which address the next one looks.
CREATE FUNCTION daybook.note_copy_failure(
    p_worker bigint, p_user uuid, p_task uuid, p_provider_task text, p_url text, p_remark text
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    UPDATE daybook.video_copy AS c
    SET attempts = c.attempts + 1, source_url = p_url, remark = left(p_remark, 500)
    WHERE c.user_id = p_user AND c.task_id = p_task AND c.state = 'copying' AND c.provider_task_id = p_provider_task;
END $$;

-- Copies that have ended: with a digest the video lies in the store, and its task succeeded when it was found; without
-- one it is given up, and its task fails now. Ends the tasks as polls do. Gives those that ended.
CREATE FUNCTION daybook.end_copied(
    p_worker bigint, p_users uuid[], p_batches uuid[], p_tasks uuid[], p_states text[], p_failure_reasons text[],
    p_failure_types text[], p_errors text[], p_urls text[], p_provider_tasks text[], p_digests bytea[],
    p_sizes bigint[], p_content_types text[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    v_now timestamptz;
    v_instants timestamptz[];
    v_ended uuid[];
    v_places tid[];
    v_digests bytea[];
    v_sizes bigint[];
    v_types text[];
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    SELECT array_agg(CASE WHEN k.digest IS NOT NULL THEN c.found_at END ORDER BY k.number) INTO v_instants
    FROM unnest(p_users, p_tasks, p_digests) WITH ORDINALITY AS k (user_id, task_id, digest, number)
    LEFT JOIN LATERAL (
        SELECT c.found_at FROM daybook.video_copy AS c WHERE c.user_id = k.user_id AND c.task_id = k.task_id LIMIT 1
    ) AS c ON true;
    SELECT array_agg(e.task_id) INTO v_ended
    FROM daybook.end_all(p_users, p_batches, p_tasks, ARRAY['accepted'], p_states, p_failure_reasons, p_failure_types,
        p_errors, p_urls, p_provider_tasks, v_instants) AS e (task_id);
    IF v_ended IS NULL THEN RETURN; END IF;
    v_now := daybook.clock();
    SELECT array_agg(c.place), array_agg(k.digest), array_agg(k.size), array_agg(k.content_type)
    INTO v_places, v_digests, v_sizes, v_types
    FROM unnest(p_users, p_tasks, p_digests, p_sizes, p_content_types)
        AS k (user_id, task_id, digest, size, content_type)
    CROSS JOIN LATERAL (
        SELECT c.ctid AS place, c.state FROM daybook.video_copy AS c
        WHERE c.user_id = k.user_id AND c.task_id = k.task_id LIMIT 1
        FOR NO KEY UPDATE
    ) AS c
    WHERE k.task_id = ANY (v_ended) AND c.state = 'copying';
    UPDATE daybook.video_copy AS c
    SET state = CASE WHEN k.digest IS NULL THEN 'given_up' ELSE 'stored' END, source_url = NULL, ended_at = v_now,
        sha256 = k.digest, size_bytes = k.size, content_type = k.content_type
    FROM unnest(v_places, v_digests, v_sizes, v_types) AS k (place, digest, size, content_type)
    WHERE c.ctid = k.place;
    RETURN QUERY SELECT unnest(v_ended);
END $$;

DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = 'daybook'::regnamespace AND p.proname IN (
            'end_all', 'begin_copies', 'copies_under_way', 'note_copy_failure', 'end_copied')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off '
            'SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off '
            'SET plan_cache_mode = force_generic_plan', v_function);
    END LOOP;
END $$;

REVOKE ALL ON FUNCTION
    daybook.end_all, daybook.begin_copies, daybook.copies_under_way, daybook.note_copy_failure, daybook.end_copied
FROM PUBLIC;
