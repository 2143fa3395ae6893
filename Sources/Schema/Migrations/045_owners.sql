-- Each batch has one owner, daybook.batch.owner: a batch without a row there is the application's. The engine never
-- touches a batch of the application, because only a batch of the engine has rows in daybook.task. The other way round
-- the application's writes to a batch of the engine are fenced off here: they change nothing, and do not fail.
--
-- A fence asks nobody who he is. It compares what is written with the engine's own records, which are written first and
-- in the same transaction: what they say passes, nothing else does. So it obeys no setting, and holds for everybody.

ALTER TABLE daybook.batch ADD COLUMN adopted_at timestamptz;
COMMENT ON COLUMN daybook.batch.owner IS
    'Who runs the batch: app or engine. Fixed when it is created; adoption alone makes the engine of the application.';
COMMENT ON COLUMN daybook.batch.adopted_at IS 'When the engine took the batch over from the application.';
ALTER TABLE daybook.batch ADD CONSTRAINT batch_adopted_is_the_engines
    CHECK (adopted_at IS NULL OR owner = 'engine') NOT VALID;

-- The owner changes once, by an adoption.
CREATE FUNCTION daybook.guard_owner() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.owner = 'app' AND NEW.owner = 'engine' AND NEW.adopted_at IS NOT NULL THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'the owner of batch % is fixed: % cannot become %', OLD.batch_id, OLD.owner, NEW.owner
        USING ERRCODE = 'DB001';
END $$;
CREATE TRIGGER batch_owner_fixed BEFORE UPDATE OF owner ON daybook.batch
    FOR EACH ROW WHEN (OLD.owner IS DISTINCT FROM NEW.owner) EXECUTE FUNCTION daybook.guard_owner();

-- True once a task of a batch was handed over. The first tasks of a batch are handed over first.
CREATE FUNCTION daybook.has_begun(p_user uuid, p_batch uuid) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
SET jit = off AS $$
DECLARE
    v_state text;
BEGIN
    FOR v_state IN
        SELECT t.state FROM daybook.task AS t
        WHERE t.user_id = p_user AND t.batch_id = p_batch AND t.state IN ('ready', 'intent', 'unknown', 'accepted')
    LOOP
        IF v_state <> 'ready' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;

-- A row of batch_jobs whose state or settlement somebody changes. Of the engine's batches the engine changes it three
-- times: at the freeze, when its first task is handed over, and when it is settled. Everything else keeps what stands
-- there; an update of which nothing is left does not count as one, so that a dispatcher which looks whether its claim
-- took a row stops there.
CREATE FUNCTION daybook.fence_batch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_batch record;
    v_fenced text[] := ARRAY[
        'status', 'success_count', 'failed_count', 'frozen_credits', 'credits_spent', 'settlement_status',
        'completed_at'];
    v_rest public.batch_jobs;
BEGIN
    SELECT b.owner, b.frozen, b.spent, b.settled_at INTO v_batch FROM daybook.batch AS b
    WHERE b.user_id = OLD.user_id AND b.batch_id = OLD.id;
    IF NOT FOUND OR v_batch.owner <> 'engine' THEN RETURN NEW; END IF;
    IF v_batch.settled_at IS NOT NULL AND OLD.settlement_status = 'pending'
        AND NEW.settlement_status IN ('finalized', 'refunded') AND NEW.credits_spent = v_batch.spent
    THEN
        RETURN NEW;
    END IF;
    IF NEW.frozen_credits = v_batch.frozen THEN v_fenced := array_remove(v_fenced, 'frozen_credits'); END IF;
    IF OLD.status = 'queued' AND NEW.status = 'processing' AND v_batch.settled_at IS NULL
        AND daybook.has_begun(OLD.user_id, OLD.id)
    THEN
        v_fenced := array_remove(v_fenced, 'status');
    END IF;
    NEW := jsonb_populate_record(NEW, (
        SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(to_jsonb(OLD)) AS o WHERE o.key = ANY (v_fenced)));
    v_rest := NEW;
    v_rest.updated_at := OLD.updated_at;
    IF v_rest *= OLD THEN RETURN NULL; END IF;
    RETURN NEW;
END $$;

-- A row of video_tasks whose state or result somebody changes. The engine writes it once, when its task ends. After
-- that the result can be cleared, as a redaction does, and filled in again while a redaction is on record, as a
-- restoration does; it is never changed. What the application counts in a row that it polls passes, and so does its
-- updated_at: a row that stayed as it was would stay first in the application's line.
CREATE FUNCTION daybook.fence_task() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
    v_state text;
    v_is_over boolean;
    v_is_redacted boolean;
    v_fenced text[] := ARRAY[
        'status', 'progress', 'grsai_task_id', 'video_url', 'pid', 'failure_reason', 'failure_type', 'error_message',
        'attempts', 'completed_at'];
    v_old jsonb;
    v_new jsonb;
BEGIN
    SELECT t.state INTO v_state FROM daybook.task AS t WHERE t.user_id = OLD.user_id AND t.task_id = OLD.id;
    IF NOT FOUND THEN RETURN NEW; END IF;
    v_is_over := coalesce(OLD.status IN ('succeeded', 'failed'), false);
    IF NOT v_is_over AND v_state IN ('succeeded', 'failed', 'timed_out', 'cancelled')
        AND NEW.status = (CASE v_state WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END)
    THEN
        RETURN NEW;
    END IF;
    v_is_redacted := v_is_over AND EXISTS (
        SELECT FROM daybook.task_redaction AS d WHERE d.user_id = OLD.user_id AND d.task_id = OLD.id);
    v_old := to_jsonb(OLD);
    v_new := to_jsonb(NEW);
    NEW := jsonb_populate_record(NEW, (
        SELECT jsonb_object_agg(o.key, o.value) FROM jsonb_each(v_old) AS o
        WHERE o.key = ANY (v_fenced) AND NOT (
            v_is_over AND v_old ->> 'status' = v_new ->> 'status' AND o.key IN ('video_url', 'pid', 'error_message')
            AND (coalesce(v_new ->> o.key, '') = '' OR (v_is_redacted AND coalesce(v_old ->> o.key, '') = '')))));
    RETURN NEW;
END $$;

-- On a deployment alone: in tables that Daybook made nobody else writes. The names come after those of the
-- application's triggers, so that what those change is fenced too.
DO $migration$
DECLARE
    v_is_ours boolean := false;
    v_table record;
    v_changes text;
BEGIN
    IF to_regclass('daybook.migration') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM daybook.migration WHERE version = 2)' INTO v_is_ours;
    END IF;
    IF v_is_ours THEN RETURN; END IF;
    FOR v_table IN
        SELECT f.* FROM (VALUES
            ('public.batch_jobs', 'daybook.fence_batch', ARRAY[
                'status', 'success_count', 'failed_count', 'frozen_credits', 'credits_spent', 'settlement_status',
                'completed_at']),
            ('public.video_tasks', 'daybook.fence_task', ARRAY[
                'status', 'progress', 'grsai_task_id', 'video_url', 'pid', 'failure_reason', 'failure_type',
                'error_message', 'attempts', 'completed_at'])
        ) AS f (name, function, columns)
        WHERE to_regclass(f.name) IS NOT NULL
    LOOP
        SELECT string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', a.attname), ' OR ' ORDER BY a.attnum)
        INTO v_changes FROM pg_attribute AS a
        WHERE a.attrelid = to_regclass(v_table.name) AND a.attname = ANY (v_table.columns) AND NOT a.attisdropped;
        CONTINUE WHEN v_changes IS NULL;
        EXECUTE format('CREATE TRIGGER zzz_daybook_fence BEFORE UPDATE ON %s FOR EACH ROW WHEN (%s) '
            'EXECUTE FUNCTION %s()', v_table.name, v_changes, v_table.function);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER zzz_daybook_fence', v_table.name);
    END LOOP;
END $migration$;

REVOKE ALL ON FUNCTION daybook.guard_owner, daybook.has_begun, daybook.fence_batch, daybook.fence_task FROM PUBLIC;
