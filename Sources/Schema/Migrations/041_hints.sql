-- Over 400 lines, because what may bind an id of the provider to a submission, and what ends by it, stands together.
--
-- A callback is a hint: whoever knows a nonce can send one, and it may name any task. So an id that it names is kept,
-- asked for at the provider, and bound to its submission only once the provider says that there is such a task. The
-- provider's own answer to a submission, also one from a spool, stands above every hint and replaces what a hint bound.
-- What else was named under a nonce is kept and asked for too: a second task that is there costs money at the provider.

-- Whoever changes a submission holds its task, and who holds a task knows the place of its row.

-- ---------------------------------------------------------------- ids that were named for a submission

ALTER TABLE daybook.submission ADD COLUMN is_hinted boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN daybook.submission.is_hinted IS
    'True where provider_task_id comes from a hint, and the provider''s own answer has not borne it out.';

-- Led by the id: a task of the provider is one submission's, whoever the customer.
ALTER TABLE daybook.submission DROP CONSTRAINT submission_provider_task_unique;
CREATE UNIQUE INDEX submission_provider_task_unique ON daybook.submission (provider_task_id, user_id)
    WHERE provider_task_id IS NOT NULL;

CREATE TABLE daybook.provider_hint (
    user_id          uuid        NOT NULL,
    nonce            bytea       NOT NULL,
    provider_task_id text        NOT NULL,
    heard_at         timestamptz NOT NULL,
    next_ask_at      timestamptz,
    times_asked      integer     NOT NULL DEFAULT 0,
    times_missing    integer     NOT NULL DEFAULT 0,
    outcome          text        NOT NULL DEFAULT 'heard',
    provider_status  text,
    status_at        timestamptz,
    CONSTRAINT provider_hint_pkey PRIMARY KEY (user_id, nonce, provider_task_id),
    CONSTRAINT provider_hint_outcome_known CHECK (
        outcome IN ('heard', 'bound', 'extra', 'foreign', 'denied', 'unanswered')),
    CONSTRAINT provider_hint_status_known CHECK (provider_status IN ('running', 'succeeded', 'failed'))
) WITH (fillfactor = 80);
CREATE INDEX provider_hint_due ON daybook.provider_hint (next_ask_at) WHERE next_ask_at IS NOT NULL;
CREATE INDEX provider_hint_extra ON daybook.provider_hint (heard_at) WHERE outcome = 'extra';
COMMENT ON TABLE daybook.provider_hint IS
    'Ids of the provider that were named for a submission, and what the provider says of them. No foreign key: that '
    'would make a callback wait for whoever records an answer.';
COMMENT ON COLUMN daybook.provider_hint.next_ask_at IS 'When the provider is asked next; null once nothing is open.';
COMMENT ON COLUMN daybook.provider_hint.outcome IS
    'heard: not borne out yet. bound: the submission''s. extra: a second task of one submission. foreign: another '
    'submission''s. denied: the provider does not know it. unanswered: the provider never said.';
COMMENT ON COLUMN daybook.provider_hint.provider_status IS 'The provider''s last word.';

-- Takes in callbacks, and does nothing but keep what is news, at most 16 ids of a submission, and let workers hear what
-- is to be asked for: p_ends says which callbacks tell of an end. Gives the numbers of what was news, and whether it is
-- kept.
CREATE FUNCTION daybook.hear(p_users uuid[], p_nonces bytea[], p_provider_tasks text[], p_ends boolean[])
RETURNS TABLE (number bigint, is_kept boolean) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_heard record;
    v_ended text[] := '{}';
BEGIN
    -- In one order, so that two who hear the same wait for each other and not in a circle.
    FOR v_heard IN
        SELECT c.user_id, c.nonce, c.provider_task_id, c.number, s.provider_task_id AS known_task_id
        FROM unnest(p_users, p_nonces, p_provider_tasks, p_ends) WITH ORDINALITY AS c (
            user_id, nonce, provider_task_id, is_end, number)
        CROSS JOIN LATERAL (
            SELECT s.provider_task_id FROM daybook.submission AS s
            WHERE s.user_id = c.user_id AND s.nonce = c.nonce LIMIT 1
        ) AS s
        WHERE c.is_end OR s.provider_task_id IS DISTINCT FROM c.provider_task_id
        ORDER BY c.user_id, c.nonce, c.provider_task_id
    LOOP
        IF v_heard.provider_task_id = v_heard.known_task_id THEN
            v_ended := v_ended || v_heard.provider_task_id;
            CONTINUE;
        END IF;
        number := v_heard.number;
        is_kept := (
            SELECT count(*) < 16 FROM (
                SELECT FROM daybook.provider_hint AS h
                WHERE h.user_id = v_heard.user_id AND h.nonce = v_heard.nonce
                ORDER BY h.provider_task_id LIMIT 16
            ) AS known);
        IF is_kept THEN
            INSERT INTO daybook.provider_hint (user_id, nonce, provider_task_id, heard_at, next_ask_at)
            VALUES (v_heard.user_id, v_heard.nonce, v_heard.provider_task_id, v_now, v_now)
            ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN CONTINUE; END IF;
            PERFORM pg_notify('daybook_ask', '');
        ELSIF EXISTS (
            SELECT FROM daybook.provider_hint AS h
            WHERE h.user_id = v_heard.user_id AND h.nonce = v_heard.nonce
                AND h.provider_task_id = v_heard.provider_task_id
        ) THEN
            CONTINUE;
        END IF;
        RETURN NEXT;
    END LOOP;
    -- Who polls them asks now. A message has 8,000 bytes, an id of ours at most 200.
    FOR v_first IN 1..cardinality(v_ended) BY 39 LOOP
        PERFORM pg_notify('daybook_ask', array_to_string(v_ended[v_first:v_first + 38], E'\n'));
    END LOOP;
END $$;

-- Locks a task and gives the place of its row, where it stays until the lock goes; NULL where there is none.
CREATE FUNCTION daybook.hold_task(p_user uuid, p_task uuid) RETURNS tid LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_place tid;
BEGIN
    SELECT t.ctid INTO v_place FROM daybook.task AS t
    WHERE t.user_id = p_user AND t.task_id = p_task
    FOR NO KEY UPDATE;
    RETURN v_place;
END $$;

-- Keeps an id as what it has turned out to be, to be asked for now. The caller holds the task.
CREATE FUNCTION daybook.note_hint(p_user uuid, p_nonce bytea, p_provider_task text, p_outcome text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
BEGIN
    INSERT INTO daybook.provider_hint AS h (user_id, nonce, provider_task_id, heard_at, next_ask_at, outcome)
    VALUES (p_user, p_nonce, p_provider_task, v_now, v_now, p_outcome)
    ON CONFLICT (user_id, nonce, provider_task_id) DO UPDATE SET outcome = excluded.outcome, next_ask_at = v_now;
END $$;

-- ---------------------------------------------------------------- asking for them

-- Hints whose turn it is to be asked for: they are p_worker's until their next turn, five seconds later and twice that
-- each time, at most five minutes, so that what a killed worker took comes back. Where there is none it writes nothing.
CREATE FUNCTION daybook.take_hints(p_worker bigint, p_limit integer)
RETURNS TABLE (user_id uuid, nonce bytea, provider_task_id text, outcome text) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
    v_rows tid[];
BEGIN
    IF NOT EXISTS (SELECT FROM daybook.provider_hint AS h WHERE h.next_ask_at <= v_now) THEN RETURN; END IF;
    PERFORM daybook.hold_worker(p_worker);
    SELECT array_agg(d.place) INTO v_rows FROM (
        SELECT h.ctid AS place FROM daybook.provider_hint AS h
        WHERE h.next_ask_at <= v_now ORDER BY h.next_ask_at LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS d;
    RETURN QUERY
    UPDATE daybook.provider_hint AS h
    SET times_asked = h.times_asked + 1,
        next_ask_at = v_now + least(5 * 2 ^ least(h.times_asked, 10), 300) * interval '1 second'
    WHERE h.ctid = ANY (v_rows)
    RETURNING h.user_id, h.nonce, h.provider_task_id, h.outcome;
END $$;

-- Binds an id that the provider knows to its submission, and gives the outcome: bound, or what it is instead. The task
-- is left to whoever adopts it. The caller holds the task, whose row is p_task.
CREATE FUNCTION daybook.bind_hint(p_user uuid, p_nonce bytea, p_provider_task text, p_task tid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_own record;
BEGIN
    SELECT s.ctid AS place, s.* INTO v_own FROM daybook.submission AS s
    WHERE s.user_id = p_user AND s.nonce = p_nonce;
    IF v_own.provider_task_id = p_provider_task THEN RETURN 'bound'; END IF;
    IF EXISTS (SELECT FROM daybook.submission AS s WHERE s.provider_task_id = p_provider_task) THEN
        RETURN 'foreign';
    END IF;
    IF v_own.outcome IN ('intent', 'unknown') THEN
        UPDATE daybook.submission
        SET outcome = 'accepted', provider_task_id = p_provider_task, is_hinted = true, answered_at = v_now
        WHERE ctid = v_own.place;
        UPDATE daybook.task AS t
        SET state = 'accepted', accepted_at = v_now, provider_task_id = p_provider_task, worker_id = NULL,
            deadline_at = v_now + (
                SELECT g.deadline_seconds FROM daybook.model_gate AS g WHERE g.model = t.model
            ) * interval '1 second'
        WHERE t.ctid = p_task AND t.state IN ('intent', 'unknown');
        RETURN 'bound';
    ELSIF v_own.outcome = 'abandoned' AND v_own.provider_task_id IS NULL THEN
        -- Given up meanwhile: the money went back. The provider's task stays on record and is never charged again.
        UPDATE daybook.submission SET provider_task_id = p_provider_task, is_hinted = true WHERE ctid = v_own.place;
        RETURN 'bound';
    END IF;
    RETURN 'extra';
END $$;

-- What the provider said of an id: p_status is running, succeeded, failed, missing, or unreadable. It is bound once the
-- provider knows it, denied after three denials a minute or more after it was heard. What nobody else asks for, because
-- its task has ended or is another's, is asked for until its end is known, for a day at most. Gives the outcome, NULL
-- where there is no such hint.
CREATE FUNCTION daybook.judge_hint(p_worker bigint, p_user uuid, p_nonce bytea, p_provider_task text, p_status text)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_hint record;
    v_outcome text;
    v_task uuid;
    v_place tid;
    v_is_over boolean;
BEGIN
    PERFORM daybook.hold_worker(p_worker);
    SELECT s.task_id INTO v_task FROM daybook.submission AS s
    WHERE s.user_id = p_user AND s.nonce = p_nonce;
    v_place := daybook.hold_task(p_user, v_task);
    SELECT h.ctid AS place, h.* INTO v_hint FROM daybook.provider_hint AS h
    WHERE h.user_id = p_user AND h.nonce = p_nonce AND h.provider_task_id = p_provider_task
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN NULL; END IF;
    v_outcome := v_hint.outcome;
    IF v_hint.next_ask_at IS NULL THEN RETURN v_outcome; END IF;
    v_is_over := v_hint.heard_at <= v_now - interval '1 day';
    IF p_status = 'missing' THEN
        v_is_over := v_is_over OR (v_hint.times_missing >= 2 AND v_hint.heard_at <= v_now - interval '1 minute');
        IF v_is_over AND v_outcome = 'heard' THEN v_outcome := 'denied'; END IF;
    ELSIF p_status = 'unreadable' THEN
        IF v_is_over AND v_outcome = 'heard' THEN v_outcome := 'unanswered'; END IF;
    ELSE
        IF v_outcome = 'heard' THEN v_outcome := daybook.bind_hint(p_user, p_nonce, p_provider_task, v_place); END IF;
        v_is_over := v_is_over OR p_status <> 'running' OR v_outcome = 'foreign' OR (
            -- Bound just now, or before: whoever polls the task learns of its end.
            v_outcome = 'bound' AND (
                SELECT t.state = 'accepted' FROM daybook.task AS t
                WHERE t.user_id = p_user AND t.task_id = v_task));
        IF v_outcome = 'bound' AND p_status = 'succeeded' THEN
            PERFORM daybook.note_late_success(p_user, v_task, p_provider_task);
        END IF;
    END IF;
    UPDATE daybook.provider_hint AS h
    SET outcome = v_outcome, times_missing = h.times_missing + (p_status = 'missing')::integer,
        next_ask_at = CASE WHEN NOT v_is_over THEN h.next_ask_at END,
        provider_status = CASE WHEN p_status IN ('missing', 'unreadable') THEN h.provider_status ELSE p_status END,
        status_at = v_now
    WHERE h.ctid = v_hint.place;
    RETURN v_outcome;
END $$;

-- ---------------------------------------------------------------- the provider's own answer

-- What a hint bound is another submission's, as the provider itself says: nobody knows any more what became of this
-- one. A task that has ended stays ended.
CREATE FUNCTION daybook.take_back_hint(p_user uuid, p_nonce bytea) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_own record;
    v_place tid;
BEGIN
    SELECT s.task_id INTO v_own FROM daybook.submission AS s
    WHERE s.user_id = p_user AND s.nonce = p_nonce;
    v_place := daybook.hold_task(p_user, v_own.task_id);
    SELECT s.ctid AS place, s.* INTO v_own FROM daybook.submission AS s
    WHERE s.user_id = p_user AND s.nonce = p_nonce;
    UPDATE daybook.task AS t
    SET state = 'unknown', worker_id = NULL, accepted_at = NULL, provider_task_id = NULL,
        deadline_at = v_own.intent_at + 600 * interval '1 second' + (
            SELECT g.deadline_seconds FROM daybook.model_gate AS g WHERE g.model = t.model
        ) * interval '1 second'
    WHERE t.ctid = v_place AND t.state = 'accepted';
    UPDATE daybook.submission
    SET outcome = CASE WHEN FOUND THEN 'unknown' ELSE outcome END, provider_task_id = NULL, is_hinted = false
    WHERE ctid = v_own.place;
    PERFORM daybook.note_hint(p_user, p_nonce, v_own.provider_task_id, 'foreign');
END $$;

-- The provider took the submission, by its own answer or a spooled one. Gives true if that was news. The task goes to
-- p_worker, who polls it; NULL leaves it to whoever adopts it.
CREATE OR REPLACE FUNCTION daybook.accept(p_user uuid, p_nonce bytea, p_provider_task_id text, p_worker bigint)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_own record;
    v_other record;
    v_place tid;
    v_is_open boolean;
BEGIN
    SELECT s.task_id INTO v_own FROM daybook.submission AS s
    WHERE s.user_id = p_user AND s.nonce = p_nonce;
    IF NOT FOUND THEN RETURN false; END IF;
    v_place := daybook.hold_task(p_user, v_own.task_id);
    FOR v_other IN
        SELECT s.user_id, s.nonce, s.is_hinted FROM daybook.submission AS s
        WHERE s.provider_task_id = p_provider_task_id
    LOOP
        CONTINUE WHEN v_other.user_id = p_user AND v_other.nonce = p_nonce;
        IF v_other.is_hinted THEN
            PERFORM daybook.take_back_hint(v_other.user_id, v_other.nonce);
        ELSE
            -- One video cannot be two tasks': nobody knows what became of this one.
            PERFORM daybook.lose(
                ARRAY[p_user], ARRAY[p_nonce], ARRAY['The provider named a task that is another submission''s.']);
            RETURN false;
        END IF;
    END LOOP;
    -- Behind the lock of the task.
    SELECT s.ctid AS place, s.* INTO v_own FROM daybook.submission AS s
    WHERE s.user_id = p_user AND s.nonce = p_nonce;
    IF v_own.provider_task_id = p_provider_task_id THEN
        UPDATE daybook.submission SET is_hinted = false WHERE ctid = v_own.place AND is_hinted;
        RETURN false;
    ELSIF v_own.outcome = 'abandoned' AND v_own.provider_task_id IS NULL THEN
        -- Given up meanwhile: the money went back, and what becomes of the provider's task is only noted.
        UPDATE daybook.submission SET provider_task_id = p_provider_task_id WHERE ctid = v_own.place;
        PERFORM daybook.note_hint(p_user, p_nonce, p_provider_task_id, 'bound');
        RETURN false;
    ELSIF v_own.outcome NOT IN ('intent', 'unknown') AND NOT v_own.is_hinted THEN
        PERFORM daybook.note_hint(p_user, p_nonce, p_provider_task_id, 'extra');
        RETURN false;
    END IF;
    UPDATE daybook.submission
    SET outcome = CASE WHEN outcome = 'abandoned' THEN outcome ELSE 'accepted' END,
        provider_task_id = p_provider_task_id, is_hinted = false, answered_at = v_now
    WHERE ctid = v_own.place;
    UPDATE daybook.task AS t
    SET state = 'accepted', provider_task_id = p_provider_task_id, worker_id = p_worker,
        accepted_at = CASE t.state WHEN 'accepted' THEN t.accepted_at ELSE v_now END,
        deadline_at = CASE t.state WHEN 'accepted' THEN t.deadline_at ELSE v_now + (
            SELECT g.deadline_seconds FROM daybook.model_gate AS g WHERE g.model = t.model
        ) * interval '1 second' END
    WHERE t.ctid = v_place AND t.state IN ('intent', 'unknown', 'accepted');
    v_is_open := FOUND;
    IF v_own.is_hinted THEN
        -- A hint had bound another id: that is the second one now. Where it ended the task, this one is asked for too.
        PERFORM daybook.note_hint(p_user, p_nonce, v_own.provider_task_id, 'extra');
        IF NOT v_is_open THEN PERFORM daybook.note_hint(p_user, p_nonce, p_provider_task_id, 'bound'); END IF;
    END IF;
    RETURN v_is_open;
END $$;

-- Ends tasks of one batch: only those that are still in one of the states named, and, where p_provider_tasks names what
-- was asked for, have that id still. Then settles the batch if they were its last, or says that a refund is due: in
-- half a minute, so that what fails together goes back together. Gives the tasks that ended by this call.
ALTER TABLE daybook.batch ADD COLUMN refund_due_at timestamptz;
CREATE INDEX batch_refund_due ON daybook.batch (refund_due_at) WHERE refund_due_at IS NOT NULL;
COMMENT ON COLUMN daybook.batch.refund_due_at IS 'When what failed while the batch runs goes back.';
DROP FUNCTION daybook.end_tasks(uuid, uuid, uuid[], text[], text[], text[], text[], text[], text[]);
CREATE FUNCTION daybook.end_tasks(
    p_user uuid, p_batch uuid, p_tasks uuid[], p_from text[], p_states text[], p_failure_reasons text[],
    p_failure_types text[], p_errors text[], p_urls text[], p_provider_tasks text[] DEFAULT NULL
) RETURNS SETOF uuid LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_task record;
    v_ended uuid[] := '{}';
    v_videos uuid[] := '{}';
    v_is_refund boolean := false;
BEGIN
    -- In one order, so that two who end the same tasks wait for each other and not in a circle.
    FOR v_task IN
        SELECT e.number, t.* FROM (
            SELECT u.* FROM unnest(p_tasks, p_provider_tasks) WITH ORDINALITY AS u (task_id, asked, number)
            ORDER BY u.task_id
        ) AS e
        CROSS JOIN LATERAL (
            SELECT t.ctid AS place, t.task_id, t.batch_id, t.state, t.attempts, t.provider_task_id
            FROM daybook.task AS t
            WHERE t.user_id = p_user AND t.task_id = e.task_id LIMIT 1
            FOR NO KEY UPDATE
        ) AS t
        WHERE t.batch_id = p_batch AND t.state = ANY (p_from) AND (e.asked IS NULL OR e.asked = t.provider_task_id)
    LOOP
        UPDATE daybook.task SET state = p_states[v_task.number], ended_at = v_now, worker_id = NULL
        WHERE ctid = v_task.place;
        UPDATE public.video_tasks AS v
        SET status = CASE p_states[v_task.number] WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END,
            progress = CASE p_states[v_task.number] WHEN 'succeeded' THEN 100 ELSE v.progress END,
            failure_reason = p_failure_reasons[v_task.number], failure_type = p_failure_types[v_task.number],
            error_message = p_errors[v_task.number], video_url = p_urls[v_task.number],
            grsai_task_id = v_task.provider_task_id, attempts = v_task.attempts, updated_at = v_now,
            completed_at = v_now
        WHERE v.user_id = p_user AND v.id = v_task.task_id;
        UPDATE daybook.task_fact AS f
        SET terminal_at = v_now, cancelled_at = CASE WHEN p_states[v_task.number] = 'cancelled' THEN v_now END
        WHERE f.user_id = p_user AND f.task_id = v_task.task_id;
        -- What was accepted has no open submission but the accepted one.
        IF v_task.state IN ('intent', 'unknown') THEN
            UPDATE daybook.submission AS s SET outcome = 'abandoned', answered_at = coalesce(s.answered_at, v_now)
            WHERE s.user_id = p_user AND s.task_id = v_task.task_id AND s.outcome IN ('intent', 'unknown');
        END IF;
        v_ended := v_ended || v_task.task_id;
        IF p_states[v_task.number] = 'succeeded' THEN
            v_videos := v_videos || v_task.task_id;
        ELSE
            v_is_refund := true;
        END IF;
    END LOOP;
    IF v_ended = '{}' THEN RETURN; END IF;
    IF v_videos <> '{}' THEN PERFORM daybook.record_access(p_user, v_videos, NULL, 'generate', 'internal'); END IF;
    IF NOT daybook.settle(p_user, p_batch) AND v_is_refund THEN
        UPDATE daybook.batch SET refund_due_at = v_now + interval '30 seconds'
        WHERE user_id = p_user AND batch_id = p_batch AND (settled_at IS NULL AND refund_due_at IS NULL) IS TRUE;
    END IF;
    RETURN QUERY SELECT unnest(v_ended);
END $$;

-- The provider did render a task that was given up: nobody is charged, and it is on record.
DROP FUNCTION daybook.note_late_success(uuid, uuid);
CREATE FUNCTION daybook.note_late_success(p_user uuid, p_task uuid, p_provider_task text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_place tid := daybook.hold_task(p_user, p_task);
BEGIN
    UPDATE daybook.submission AS s SET late_success_at = daybook.clock()
    WHERE s.provider_task_id = p_provider_task AND s.user_id = p_user AND s.task_id = p_task
        AND s.late_success_at IS NULL
        AND EXISTS (SELECT FROM daybook.task AS t WHERE t.ctid = v_place AND t.state IN ('timed_out', 'failed'));
END $$;

REVOKE ALL ON FUNCTION
    daybook.hear, daybook.hold_task, daybook.note_hint, daybook.take_hints, daybook.bind_hint, daybook.judge_hint,
    daybook.take_back_hint, daybook.accept, daybook.end_tasks, daybook.note_late_success
FROM PUBLIC;
