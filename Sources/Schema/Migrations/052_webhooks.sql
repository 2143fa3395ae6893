-- Over 300 lines, because telling, sending and what follows from an answer write the same four tables.
--
-- Messages about batches to addresses of the customer. What is told is written in the transaction that makes it true,
-- as the bytes that are sent and signed; sending comes afterwards and touches no money. The tables refer to each other
-- without foreign keys: those are checked by a plan that a session makes once, perhaps while a table is empty, and then
-- each check reads all of it.

-- ---------------------------------------------------------------- addresses, events, deliveries

CREATE TABLE daybook.webhook_endpoint (
    user_id             uuid        NOT NULL,
    endpoint_id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    url                 text,
    secret              bytea       NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
    earlier_secret      bytea,
    earlier_until       timestamptz,
    consecutive_misses  integer     NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL,
    disabled_at         timestamptz,
    disabled_because    text,
    CONSTRAINT webhook_endpoint_pkey PRIMARY KEY (user_id, endpoint_id),
    CONSTRAINT webhook_endpoint_once UNIQUE NULLS NOT DISTINCT (user_id, url),
    CONSTRAINT webhook_endpoint_url_bounded CHECK (octet_length(url) BETWEEN 1 AND 2048),
    CONSTRAINT webhook_endpoint_secret_bounded CHECK (octet_length(secret) BETWEEN 24 AND 64),
    CONSTRAINT webhook_endpoint_earlier_ends CHECK ((earlier_secret IS NULL) = (earlier_until IS NULL)),
    CONSTRAINT webhook_endpoint_disabled_because CHECK ((disabled_at IS NULL) = (disabled_because IS NULL))
) WITH (fillfactor = 80);
COMMENT ON TABLE daybook.webhook_endpoint IS
    'Who is told of a customer''s batches: standing addresses of all of them, and one row without an address for those '
    'that batches name themselves, so that one secret verifies whatever they name.';
COMMENT ON COLUMN daybook.webhook_endpoint.consecutive_misses IS
    'Attempts in a row that failed: who keeps failing is sent to after the others.';

CREATE TABLE daybook.webhook_event (
    user_id    uuid        NOT NULL,
    event_id   uuid        NOT NULL DEFAULT gen_random_uuid(),
    batch_id   uuid        NOT NULL,
    event      text        NOT NULL,
    number     integer     NOT NULL,
    body       text        NOT NULL,
    told_at    timestamptz NOT NULL,
    CONSTRAINT webhook_event_pkey PRIMARY KEY (user_id, event_id),
    CONSTRAINT webhook_event_once UNIQUE (user_id, batch_id, event, number),
    CONSTRAINT webhook_event_known CHECK (
        event IN ('batch.created', 'batch.running', 'batch.completed', 'batch.failed', 'batch.refunded'))
);
CREATE INDEX webhook_event_told ON daybook.webhook_event (told_at);
COMMENT ON COLUMN daybook.webhook_event.body IS 'The bytes that are signed and sent, at every attempt the same.';
COMMENT ON COLUMN daybook.webhook_event.number IS 'The tranche of a refund, 0 otherwise.';

CREATE TABLE daybook.webhook_delivery (
    user_id         uuid        NOT NULL,
    event_id        uuid        NOT NULL,
    endpoint_id     uuid        NOT NULL,
    url             text        NOT NULL,
    state           text        NOT NULL DEFAULT 'due',
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    ended_at        timestamptz,
    CONSTRAINT webhook_delivery_pkey PRIMARY KEY (user_id, event_id, endpoint_id),
    CONSTRAINT webhook_delivery_state_known CHECK (state IN ('due', 'delivered', 'failed')),
    CONSTRAINT webhook_delivery_due_has_turn CHECK ((state = 'due') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT webhook_delivery_over_has_end CHECK ((state = 'due') = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX webhook_delivery_turn ON daybook.webhook_delivery (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX webhook_delivery_of_endpoint ON daybook.webhook_delivery (user_id, endpoint_id, event_id);
COMMENT ON COLUMN daybook.webhook_delivery.next_attempt_at IS
    'When it is sent next; while it is being sent, when somebody else takes it over.';

CREATE TABLE daybook.webhook_attempt (
    attempt_id   bigint      GENERATED ALWAYS AS IDENTITY,
    user_id      uuid        NOT NULL,
    event_id     uuid        NOT NULL,
    endpoint_id  uuid        NOT NULL,
    attempted_at timestamptz NOT NULL,
    status       integer,
    milliseconds bigint      NOT NULL,
    address      text,
    failure      text,
    CONSTRAINT webhook_attempt_pkey PRIMARY KEY (attempt_id),
    CONSTRAINT webhook_attempt_milliseconds_positive CHECK (milliseconds >= 0)
);
CREATE INDEX webhook_attempt_delivery ON daybook.webhook_attempt (user_id, event_id, endpoint_id, attempt_id);
COMMENT ON COLUMN daybook.webhook_attempt.address IS 'The address that was connected to; null where there was none.';
COMMENT ON COLUMN daybook.webhook_attempt.failure IS 'Why it did not arrive; null where it did.';

-- ---------------------------------------------------------------- telling

-- Writes an event of a batch and a delivery for everybody who is to hear of it; nothing where there is nobody.
CREATE FUNCTION daybook.tell(p_batch daybook.batch, p_event text, p_number integer) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_job record;
    v_hearers uuid[];
    v_urls text[];
    v_event uuid;
    v_succeeded bigint;
    v_failed bigint;
BEGIN
    SELECT b.webhook_url, b.request_id, b.total_count INTO v_job FROM public.batch_jobs AS b
    WHERE b.user_id = p_batch.user_id AND b.id = p_batch.batch_id;
    IF NOT FOUND THEN RETURN; END IF;
    IF v_job.webhook_url <> '' THEN
        INSERT INTO daybook.webhook_endpoint (user_id, created_at) VALUES (p_batch.user_id, v_now)
        ON CONFLICT (user_id, url) DO NOTHING;
    END IF;
    SELECT array_agg(e.endpoint_id), array_agg(coalesce(e.url, v_job.webhook_url)) INTO v_hearers, v_urls
    FROM daybook.webhook_endpoint AS e
    WHERE e.user_id = p_batch.user_id AND e.disabled_at IS NULL AND (e.url IS NOT NULL OR v_job.webhook_url <> '');
    IF v_hearers IS NULL THEN RETURN; END IF;
    SELECT count(*) FILTER (WHERE t.state = 'succeeded'),
        count(*) FILTER (WHERE t.state IN ('failed', 'timed_out', 'cancelled'))
    INTO v_succeeded, v_failed
    FROM daybook.task AS t WHERE t.user_id = p_batch.user_id AND t.batch_id = p_batch.batch_id AND t.batch_index >= 0;
    IF p_event = 'batch.completed' AND v_succeeded = 0 THEN p_event := 'batch.failed'; END IF;
    -- Old receivers verify over what they parsed and wrote again: text, whole numbers, and no member without a name.
    INSERT INTO daybook.webhook_event (user_id, batch_id, event, number, told_at, body)
    VALUES (p_batch.user_id, p_batch.batch_id, p_event, p_number, v_now, concat(
        '{"event":', to_json(p_event), ',"batch_id":', to_json(p_batch.batch_id),
        ',"request_id":', coalesce(to_json(coalesce(p_batch.request_id, v_job.request_id))::text, 'null'),
        ',"status":', to_json(CASE
            WHEN p_batch.settled_at IS NULL THEN CASE p_event WHEN 'batch.created' THEN 'pending' ELSE 'running' END
            WHEN p_batch.cancel_requested_at IS NOT NULL THEN 'cancelled'
            WHEN v_failed = 0 THEN 'succeeded'
            WHEN v_succeeded = 0 THEN 'failed'
            ELSE 'partial' END),
        ',"summary":{"total":', v_job.total_count, ',"succeeded":', v_succeeded, ',"failed":', v_failed,
        ',"pending":', v_job.total_count - v_succeeded - v_failed,
        '},"ledger":{"reserved":', p_batch.frozen,
        ',"settled":', CASE WHEN p_batch.settled_at IS NULL THEN 0 ELSE p_batch.spent END,
        ',"refunded":', p_batch.refunded,
        '},"timestamp":', to_json(to_char(v_now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')), '}'))
    ON CONFLICT (user_id, batch_id, event, number) DO NOTHING
    RETURNING event_id INTO v_event;
    IF v_event IS NULL THEN RETURN; END IF;
    INSERT INTO daybook.webhook_delivery (user_id, event_id, endpoint_id, url, next_attempt_at)
    SELECT p_batch.user_id, v_event, h.endpoint_id, h.url, v_now FROM unnest(v_hearers, v_urls) AS h (endpoint_id, url);
END $$;

CREATE FUNCTION daybook.tell_of_money() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
    IF TG_RELID <> 'daybook.batch'::regclass THEN
        RAISE EXCEPTION 'daybook.tell_of_money works after a row of daybook.batch was written, nowhere else'
            USING ERRCODE = 'DB001';
    END IF;
    IF OLD.frozen_at IS NULL AND NEW.frozen_at IS NOT NULL THEN PERFORM daybook.tell(NEW, 'batch.created', 0); END IF;
    IF NEW.tranches > OLD.tranches THEN PERFORM daybook.tell(NEW, 'batch.refunded', NEW.tranches); END IF;
    IF OLD.settled_at IS NULL AND NEW.settled_at IS NOT NULL THEN
        PERFORM daybook.tell(NEW, 'batch.completed', 0);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER daybook_tell AFTER UPDATE OF frozen_at, tranches, settled_at ON daybook.batch
    FOR EACH ROW WHEN (NEW.owner = 'engine') EXECUTE FUNCTION daybook.tell_of_money();

CREATE FUNCTION daybook.tell_of_begin() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_batch daybook.batch;
BEGIN
    IF coalesce(pg_partition_root(TG_RELID), TG_RELID) <> 'public.batch_jobs'::regclass THEN
        RAISE EXCEPTION 'daybook.tell_of_begin works after a row of public.batch_jobs was written, nowhere else'
            USING ERRCODE = 'DB001';
    END IF;
    -- By its key alone: an index of the open batches would look cheaper, and be read as a whole.
    SELECT * INTO v_batch FROM daybook.batch AS b WHERE b.user_id = NEW.user_id AND b.batch_id = NEW.id;
    IF v_batch.owner = 'engine' AND v_batch.settled_at IS NULL THEN
        PERFORM daybook.tell(v_batch, 'batch.running', 0);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER daybook_tell AFTER UPDATE OF status ON public.batch_jobs
    FOR EACH ROW WHEN (OLD.status = 'queued' AND NEW.status = 'processing') EXECUTE FUNCTION daybook.tell_of_begin();

-- ---------------------------------------------------------------- sending

-- Deliveries whose turn it is, of one address at most p_of_one and of those in p_full none: they are the caller's for
-- 20 seconds, and then somebody else's, so that what a killed sender had goes out again. Whoever keeps failing comes
-- last. Seconds are those of the real clock, for receivers that compare them with theirs.
CREATE FUNCTION daybook.take_deliveries(p_limit integer, p_of_one integer, p_full uuid[])
RETURNS TABLE (
    user_id uuid, event_id uuid, endpoint_id uuid, url text, secret bytea, earlier_secret bytea, body text,
    batch_id uuid, attempts integer, seconds bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
    -- Receivers live by the real clock.
    v_lease interval := interval '20 seconds' * coalesce((SELECT c.rate FROM daybook.test_clock AS c), 1);
    v_rows tid[];
BEGIN
    IF NOT EXISTS (SELECT FROM daybook.webhook_delivery AS d WHERE d.next_attempt_at <= v_now) THEN RETURN; END IF;
    SELECT array_agg(n.place) INTO v_rows FROM (
        SELECT f.place, row_number() OVER (
                PARTITION BY f.user_id, f.endpoint_id ORDER BY f.next_attempt_at, f.event_id) AS of_one
        FROM (
            SELECT d.ctid AS place, d.user_id, d.endpoint_id, d.event_id, d.next_attempt_at
            FROM daybook.webhook_delivery AS d
            WHERE d.next_attempt_at <= v_now AND d.endpoint_id <> ALL (p_full)
            ORDER BY d.next_attempt_at LIMIT p_limit
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS f
    ) AS n WHERE n.of_one <= p_of_one;
    RETURN QUERY
    WITH taken AS (
        UPDATE daybook.webhook_delivery AS d SET next_attempt_at = v_now + v_lease
        WHERE d.ctid = ANY (v_rows)
        RETURNING d.user_id, d.event_id, d.endpoint_id, d.url, d.attempts
    )
    SELECT t.user_id, t.event_id, t.endpoint_id, t.url, e.secret,
        CASE WHEN e.earlier_until > v_now THEN e.earlier_secret END, v.body, v.batch_id, t.attempts,
        extract(epoch FROM clock_timestamp())::bigint
    FROM taken AS t
    CROSS JOIN LATERAL (
        SELECT e.* FROM daybook.webhook_endpoint AS e
        WHERE e.user_id = t.user_id AND e.endpoint_id = t.endpoint_id LIMIT 1
    ) AS e
    CROSS JOIN LATERAL (
        SELECT v.* FROM daybook.webhook_event AS v WHERE v.user_id = t.user_id AND v.event_id = t.event_id LIMIT 1
    ) AS v
    ORDER BY e.consecutive_misses, v.told_at, v.event_id, t.endpoint_id;
END $$;

-- Records an attempt, the one after p_attempts, and what follows: arrived; again after about 30 seconds, then after
-- about five minutes, later where the receiver asks for it; given up after the third. An address that is gone (410) is
-- told nothing more: a standing one is disabled, and what waits for it is given up.
CREATE FUNCTION daybook.note_attempt(
    p_user uuid, p_event uuid, p_endpoint uuid, p_url text, p_attempts integer, p_status integer,
    p_milliseconds bigint, p_address text, p_failure text, p_retry_after bigint
) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_delivery record;
    v_state text;
    v_wait double precision;
    v_standing text;
BEGIN
    -- The endpoint before its deliveries, here and wherever it is disabled.
    SELECT e.url INTO v_standing FROM daybook.webhook_endpoint AS e
    WHERE e.user_id = p_user AND e.endpoint_id = p_endpoint FOR NO KEY UPDATE;
    SELECT d.ctid AS place, d.state, d.attempts, d.url INTO v_delivery FROM daybook.webhook_delivery AS d
    WHERE d.user_id = p_user AND d.event_id = p_event AND d.endpoint_id = p_endpoint FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    -- Whoever does not know whether his record was kept records it again: a failure counts once.
    IF p_failure IS NOT NULL AND v_delivery.url = p_url AND v_delivery.attempts > p_attempts THEN RETURN; END IF;
    INSERT INTO daybook.webhook_attempt (
        user_id, event_id, endpoint_id, attempted_at, status, milliseconds, address, failure)
    VALUES (p_user, p_event, p_endpoint, v_now, p_status, p_milliseconds, p_address, p_failure);
    -- It was given another address meanwhile, which has not heard of it.
    IF v_delivery.url <> p_url THEN RETURN; END IF;
    UPDATE daybook.webhook_endpoint AS e
    SET consecutive_misses = CASE WHEN p_failure IS NULL THEN 0 ELSE least(e.consecutive_misses + 1, 1000) END
    WHERE e.user_id = p_user AND e.endpoint_id = p_endpoint AND (p_failure IS NOT NULL OR e.consecutive_misses > 0);
    v_state := CASE
        WHEN p_failure IS NULL THEN 'delivered'
        WHEN v_delivery.state <> 'due' THEN v_delivery.state
        WHEN p_status = 410 OR v_delivery.attempts >= 2 THEN 'failed'
        ELSE 'due' END;
    v_wait := greatest(
        CASE v_delivery.attempts WHEN 0 THEN 30 ELSE 300 END * (0.8 + 0.4 * random()),
        least(coalesce(p_retry_after, 0), 3600));
    UPDATE daybook.webhook_delivery AS d
    SET state = v_state, attempts = d.attempts + 1,
        next_attempt_at = CASE v_state WHEN 'due' THEN v_now + v_wait * interval '1 second' END,
        ended_at = CASE v_state WHEN 'due' THEN NULL ELSE coalesce(d.ended_at, v_now) END
    WHERE d.ctid = v_delivery.place;
    PERFORM daybook.mark_batch(p_user, p_event, p_endpoint);
    IF p_status = 410 THEN
        IF v_standing IS NOT NULL THEN
            PERFORM daybook.disable_endpoint(p_user, p_endpoint, 'The receiver answered 410 Gone.');
        ELSE
            PERFORM daybook.give_up_deliveries(p_user, p_endpoint, v_delivery.url);
        END IF;
    END IF;
END $$;

-- A batch that names an address says how its last message fared, for the reports.
CREATE FUNCTION daybook.mark_batch(p_user uuid, p_event uuid, p_endpoint uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_batch uuid;
    v_status text;
BEGIN
    SELECT v.batch_id, CASE d.state WHEN 'delivered' THEN 'sent' WHEN 'failed' THEN 'failed' ELSE 'retrying' END
    INTO v_batch, v_status
    FROM daybook.webhook_delivery AS d
    CROSS JOIN LATERAL (
        SELECT v.batch_id, v.event FROM daybook.webhook_event AS v
        WHERE v.user_id = d.user_id AND v.event_id = d.event_id LIMIT 1
    ) AS v
    CROSS JOIN LATERAL (
        SELECT e.url FROM daybook.webhook_endpoint AS e
        WHERE e.user_id = d.user_id AND e.endpoint_id = d.endpoint_id LIMIT 1
    ) AS e
    WHERE d.user_id = p_user AND d.event_id = p_event AND d.endpoint_id = p_endpoint
        AND v.event IN ('batch.completed', 'batch.failed') AND e.url IS NULL;
    UPDATE public.batch_jobs AS b SET webhook_status = v_status
    WHERE b.user_id = p_user AND b.id = v_batch AND b.webhook_status IS DISTINCT FROM v_status;
END $$;

-- What waits for an endpoint, or for one address of it, is not sent any more.
CREATE FUNCTION daybook.give_up_deliveries(p_user uuid, p_endpoint uuid, p_url text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_event uuid;
BEGIN
    FOR v_event IN
        UPDATE daybook.webhook_delivery AS d SET state = 'failed', next_attempt_at = NULL, ended_at = daybook.clock()
        WHERE d.user_id = p_user AND d.endpoint_id = p_endpoint AND d.state = 'due'
            AND (p_url IS NULL OR d.url = p_url)
        RETURNING d.event_id
    LOOP
        PERFORM daybook.mark_batch(p_user, v_event, p_endpoint);
    END LOOP;
END $$;

-- Nothing is sent by an endpoint any more until it is enabled, and what waits for it is given up. Gives false where
-- there is none.
CREATE FUNCTION daybook.disable_endpoint(p_user uuid, p_endpoint uuid, p_because text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
    UPDATE daybook.webhook_endpoint AS e
    SET disabled_at = coalesce(e.disabled_at, daybook.clock()),
        disabled_because = coalesce(e.disabled_because, p_because)
    WHERE e.user_id = p_user AND e.endpoint_id = p_endpoint;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM daybook.give_up_deliveries(p_user, p_endpoint, NULL);
    RETURN true;
END $$;

-- Sends again: one event, or those of a while, to one address or to all; p_missing leaves out what arrived. Bytes and
-- ids are those of before. Gives how many are due now.
CREATE FUNCTION daybook.replay_deliveries(
    p_user uuid, p_event uuid, p_endpoint uuid, p_from timestamptz, p_until timestamptz, p_missing boolean
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_count bigint;
BEGIN
    UPDATE daybook.webhook_delivery AS d SET state = 'due', attempts = 0, next_attempt_at = v_now, ended_at = NULL
    FROM daybook.webhook_event AS v, daybook.webhook_endpoint AS e
    WHERE d.user_id = p_user AND v.user_id = d.user_id AND v.event_id = d.event_id AND e.user_id = d.user_id
        AND e.endpoint_id = d.endpoint_id AND e.disabled_at IS NULL
        AND (p_event IS NULL OR d.event_id = p_event) AND (p_endpoint IS NULL OR d.endpoint_id = p_endpoint)
        AND (p_from IS NULL OR v.told_at >= p_from) AND (p_until IS NULL OR v.told_at < p_until)
        AND d.state <> 'due' AND (d.state = 'failed' OR NOT p_missing);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;

-- Another address for what a batch tells from now on, and for what waits or was given up; false for a batch that is not
-- the engine's, or has ended.
CREATE FUNCTION daybook.redirect_webhook(p_user uuid, p_batch uuid, p_url text) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    PERFORM FROM daybook.batch AS b
    WHERE b.user_id = p_user AND b.batch_id = p_batch AND b.owner = 'engine' AND b.settled_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE public.batch_jobs AS b
    SET webhook_url = p_url, webhook_status = CASE WHEN p_url IS NOT NULL THEN 'pending' END
    WHERE b.user_id = p_user AND b.id = p_batch;
    UPDATE daybook.webhook_delivery AS d
    SET url = coalesce(p_url, d.url), attempts = 0, state = CASE WHEN p_url IS NULL THEN 'failed' ELSE 'due' END,
        next_attempt_at = CASE WHEN p_url IS NOT NULL THEN daybook.clock() END,
        ended_at = CASE WHEN p_url IS NULL THEN daybook.clock() END
    FROM daybook.webhook_event AS v, daybook.webhook_endpoint AS e
    WHERE v.user_id = p_user AND v.batch_id = p_batch AND d.user_id = v.user_id AND d.event_id = v.event_id
        AND e.user_id = d.user_id AND e.endpoint_id = d.endpoint_id AND e.url IS NULL AND d.state <> 'delivered';
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION
    daybook.tell, daybook.tell_of_money, daybook.tell_of_begin, daybook.take_deliveries, daybook.note_attempt,
    daybook.mark_batch, daybook.give_up_deliveries, daybook.disable_endpoint, daybook.replay_deliveries,
    daybook.redirect_webhook
FROM PUBLIC;
