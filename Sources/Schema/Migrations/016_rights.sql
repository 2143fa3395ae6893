-- Holds end by a record alone, and what a purge wrote down stays as it was, whoever may write only a part of it. Only
-- schema daybook is touched. Who may change a whole table is its owner, or was given it by hand, and is not bound by
-- the guards of the evidence.

-- ---------------------------------------------------------------- legal holds

ALTER TABLE daybook.account
    ADD COLUMN legal_hold_by text,
    ADD COLUMN legal_hold_at timestamptz;
COMMENT ON COLUMN daybook.account.legal_hold_by IS 'Who placed the hold that stands here; null for one of before.';

-- A hold of an account begins with a name and an instant, and ends with its record, written in the same transaction.
CREATE FUNCTION daybook.guard_account_hold() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_is_recorded boolean := false;
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.legal_hold <> '' THEN
        IF has_table_privilege('daybook.legal_hold', 'SELECT') THEN
            v_is_recorded := EXISTS (
                SELECT FROM daybook.legal_hold
                WHERE scope = 'account' AND user_id = OLD.user_id AND matter = OLD.legal_hold
                    AND released_at >= transaction_timestamp());
        END IF;
        IF NOT v_is_recorded THEN
            RAISE EXCEPTION
                'the legal hold of the account % ends by daybook.release_account_hold alone, with a reason', OLD.slug
                USING ERRCODE = '42501';
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    NEW.legal_hold_by := CASE WHEN NEW.legal_hold <> '' THEN session_user END;
    NEW.legal_hold_at := CASE WHEN NEW.legal_hold <> '' THEN clock_timestamp() END;
    RETURN NEW;
END $$;
CREATE TRIGGER account_hold_placed BEFORE INSERT ON daybook.account
    FOR EACH ROW EXECUTE FUNCTION daybook.guard_account_hold();
CREATE TRIGGER account_hold_changed BEFORE UPDATE ON daybook.account
    FOR EACH ROW WHEN (OLD.legal_hold IS DISTINCT FROM NEW.legal_hold) EXECUTE FUNCTION daybook.guard_account_hold();
CREATE TRIGGER account_hold_removed BEFORE DELETE ON daybook.account
    FOR EACH ROW WHEN (OLD.legal_hold <> '') EXECUTE FUNCTION daybook.guard_account_hold();

-- Writes down that the hold of an account ends, and empties it. The lock is the one of every hold: no purge deletes
-- meanwhile.
CREATE FUNCTION daybook.release_account_hold(p_user uuid, p_reason text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_account daybook.account;
BEGIN
    IF coalesce(trim(p_reason), '') = '' THEN
        RAISE EXCEPTION 'A release needs a reason' USING ERRCODE = 'DB400';
    END IF;
    PERFORM pg_advisory_xact_lock(28254671742135396);
    SELECT * INTO v_account FROM daybook.account WHERE user_id = p_user FOR UPDATE;
    IF coalesce(v_account.legal_hold, '') = '' THEN RETURN false; END IF;
    INSERT INTO daybook.legal_hold (
        scope, user_id, matter, requested_by, placed_by, placed_at, released_at, released_by, release_reason)
    VALUES ('account', p_user, v_account.legal_hold, 'accounts.csv', coalesce(v_account.legal_hold_by, session_user),
        coalesce(v_account.legal_hold_at, v_account.imported_at), clock_timestamp(), session_user, p_reason);
    UPDATE daybook.account SET legal_hold = NULL WHERE user_id = p_user;
    RETURN true;
END $$;

-- Holds an account for a matter. One that was held for another matter is released from that, which is written down.
CREATE FUNCTION daybook.place_account_hold(p_user uuid, p_matter text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(p_matter, '') = '' THEN
        RAISE EXCEPTION 'A hold names its matter' USING ERRCODE = 'DB400';
    END IF;
    PERFORM pg_advisory_xact_lock(28254671742135396);
    PERFORM daybook.release_account_hold(p_user, 'held for another matter from now on: ' || p_matter)
    FROM daybook.account WHERE user_id = p_user AND legal_hold <> '' AND legal_hold <> p_matter;
    UPDATE daybook.account SET legal_hold = p_matter WHERE user_id = p_user AND legal_hold IS DISTINCT FROM p_matter;
END $$;

-- Places a hold on an account, a batch or a video, and gives its number.
CREATE FUNCTION daybook.place_hold(p_scope text, p_id uuid, p_matter text, p_requested_by text) RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_hold bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(28254671742135396);
    INSERT INTO daybook.legal_hold (scope, user_id, batch_id, video_id, matter, requested_by, placed_by)
    VALUES (p_scope, CASE p_scope WHEN 'account' THEN p_id END, CASE p_scope WHEN 'batch' THEN p_id END,
        CASE p_scope WHEN 'video' THEN p_id END, p_matter, p_requested_by, session_user)
    RETURNING hold_id INTO v_hold;
    RETURN v_hold;
END $$;

-- Releases a hold; false where it is not in force.
CREATE FUNCTION daybook.release_hold(p_hold bigint, p_reason text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(28254671742135396);
    UPDATE daybook.legal_hold SET released_at = clock_timestamp(), released_by = session_user, release_reason = p_reason
    WHERE hold_id = p_hold AND released_at IS NULL;
    RETURN FOUND;
END $$;

-- A hold is released, never altered or removed.
CREATE FUNCTION daybook.guard_legal_hold() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.released_at IS NULL AND NEW.released_at IS NOT NULL
            AND (OLD.hold_id, OLD.scope, OLD.matter, OLD.requested_by, OLD.placed_by, OLD.placed_at)
                = (NEW.hold_id, NEW.scope, NEW.matter, NEW.requested_by, NEW.placed_by, NEW.placed_at)
            AND (OLD.user_id, OLD.batch_id, OLD.video_id) IS NOT DISTINCT FROM (NEW.user_id, NEW.batch_id, NEW.video_id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a legal hold is released, never altered or removed: % is refused', TG_OP USING ERRCODE = '42501';
END $$;
CREATE TRIGGER legal_hold_is_released_only BEFORE UPDATE OR DELETE ON daybook.legal_hold
    FOR EACH ROW EXECUTE FUNCTION daybook.guard_legal_hold();
CREATE TRIGGER legal_hold_never_emptied BEFORE TRUNCATE ON daybook.legal_hold
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_legal_hold();

-- ---------------------------------------------------------------- the evidence of purges

-- What is known is not changed by who may write a part of the table: the conditions stand with the triggers.
CREATE FUNCTION daybook.refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NEW; END IF;
    RAISE EXCEPTION '%.% keeps what it knows: the change is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = '42501';
END $$;
CREATE TRIGGER task_fact_keeps_what_it_knows BEFORE UPDATE ON daybook.task_fact FOR EACH ROW
    WHEN (OLD.terminal_at IS NOT NULL
        AND (OLD.terminal_at, OLD.terminal_estimated) IS DISTINCT FROM (NEW.terminal_at, NEW.terminal_estimated))
    EXECUTE FUNCTION daybook.refuse_change();
CREATE TRIGGER access_day_only_grows BEFORE UPDATE ON daybook.access_day FOR EACH ROW
    WHEN (NEW.accesses < OLD.accesses) EXECUTE FUNCTION daybook.refuse_change();
CREATE TRIGGER probe_day_only_grows BEFORE UPDATE ON daybook.probe_day FOR EACH ROW
    WHEN ((OLD.up_minutes & NEW.up_minutes) <> OLD.up_minutes
        OR (OLD.down_minutes & NEW.down_minutes) <> OLD.down_minutes OR NEW.first_probe_at > OLD.first_probe_at)
    EXECUTE FUNCTION daybook.refuse_change();
CREATE TRIGGER purge_total_only_grows BEFORE UPDATE ON daybook.purge_total FOR EACH ROW
    WHEN (NEW.row_count < OLD.row_count OR NEW.oldest > OLD.oldest OR NEW.newest < OLD.newest)
    EXECUTE FUNCTION daybook.refuse_change();

-- Of a run that has ended nothing is written down any more.
CREATE FUNCTION daybook.guard_run_record() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_run bigint;
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NULL; END IF;
    SELECT a.run_id INTO v_run FROM added AS a
    WHERE NOT EXISTS (SELECT FROM daybook.purge_run AS r WHERE r.run_id = a.run_id AND r.state = 'running') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'purge % has ended: %.% takes nothing more of it', v_run, TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER purge_cutoff_of_open_run AFTER INSERT ON daybook.purge_cutoff
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER purge_sweep_of_open_run AFTER INSERT ON daybook.purge_sweep
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER purge_sweep_changed_of_open_run AFTER UPDATE ON daybook.purge_sweep
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER purge_segment_of_open_run AFTER INSERT ON daybook.purge_segment
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER purge_total_of_open_run AFTER INSERT ON daybook.purge_total
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER purge_total_changed_of_open_run AFTER UPDATE ON daybook.purge_total
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER task_redaction_of_open_run AFTER INSERT ON daybook.task_redaction
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER task_redaction_changed_of_open_run AFTER UPDATE ON daybook.task_redaction
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();

-- A name of a file is no way to another folder, and what an archive says of itself is whole.
CREATE FUNCTION daybook.guard_purge_segment() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'daybook.purge_segment takes no file of the name %', NEW.file_name USING ERRCODE = '42501';
END $$;
CREATE TRIGGER purge_segment_is_a_file BEFORE INSERT ON daybook.purge_segment FOR EACH ROW
    WHEN (NEW.file_name !~ '^[0-9]{6,}-[a-z_]+\.csv\.gz(\.enc)?$') EXECUTE FUNCTION daybook.guard_purge_segment();

-- Only who may detach and drop a month says that one is detached or dropped: what stands there is dropped by the next
-- purge.
CREATE FUNCTION daybook.guard_purge_sweep() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') OR EXISTS (
        SELECT FROM pg_class
        WHERE oid = to_regclass('public.video_external_access_log') AND pg_has_role(relowner, 'USAGE')
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'only the owner of the access log says that a month of it is %', NEW.state USING ERRCODE = '42501';
END $$;
CREATE TRIGGER purge_sweep_is_no_drop BEFORE INSERT ON daybook.purge_sweep FOR EACH ROW
    WHEN (NEW.state IN ('detached', 'dropped') OR NEW.bounds IS NOT NULL) EXECUTE FUNCTION daybook.guard_purge_sweep();
CREATE TRIGGER purge_sweep_becomes_no_drop BEFORE UPDATE ON daybook.purge_sweep FOR EACH ROW
    WHEN ((NEW.state <> OLD.state AND (NEW.state IN ('detached', 'dropped') OR OLD.state IN ('detached', 'dropped')))
        OR NEW.bounds IS DISTINCT FROM OLD.bounds)
    EXECUTE FUNCTION daybook.guard_purge_sweep();

-- A run begins as running, ends once with its manifest and its archive's full time, and its archive is kept, then
-- expiring, then destroyed, or lost. Nothing else of it changes.
CREATE FUNCTION daybook.guard_purge_run() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
    v_same daybook.purge_run := NEW;
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NEW; END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state = 'running' AND NEW.archive_state IN ('none', 'kept') AND NEW.manifest_sha256 IS NULL
            AND NEW.archive_expires_at IS NULL AND coalesce(NEW.archive_days, 1) BETWEEN 1 AND 3650
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a purge begins as one that runs' USING ERRCODE = '42501';
    END IF;
    -- All that may change, as it was: the rest has to be the same.
    v_same.archive_state := OLD.archive_state;
    v_same.state := OLD.state;
    v_same.finished_at := OLD.finished_at;
    v_same.manifest_sha256 := OLD.manifest_sha256;
    v_same.archive_expires_at := OLD.archive_expires_at;
    IF v_same IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'purge % stays what was recorded of it', OLD.run_id USING ERRCODE = '42501';
    END IF;
    IF OLD.state = 'running' AND NEW.state = 'finished' AND NEW.archive_state = OLD.archive_state
        AND (OLD.archive_state = 'kept') = (NEW.manifest_sha256 IS NOT NULL)
        AND NEW.finished_at BETWEEN OLD.started_at AND clock_timestamp()
        AND (OLD.archive_state <> 'kept' OR NEW.archive_expires_at
            >= clock_timestamp() + make_interval(days => OLD.archive_days) - interval '1 hour')
    THEN
        RETURN NEW;
    END IF;
    IF (NEW.state, NEW.finished_at, NEW.manifest_sha256, NEW.archive_expires_at)
        IS NOT DISTINCT FROM (OLD.state, OLD.finished_at, OLD.manifest_sha256, OLD.archive_expires_at)
        AND (NEW.archive_state = OLD.archive_state OR (OLD.state = 'finished'
            AND (OLD.archive_state, NEW.archive_state) IN (
                ('kept', 'expiring'), ('expiring', 'destroyed'), ('kept', 'lost'), ('expiring', 'lost'))
            AND (NEW.archive_state <> 'expiring' OR OLD.archive_expires_at <= clock_timestamp())))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'purge % is %, its archive %: that is not the way on', OLD.run_id, OLD.state, OLD.archive_state
        USING ERRCODE = '42501';
END $$;
CREATE TRIGGER purge_run_goes_its_way BEFORE INSERT OR UPDATE ON daybook.purge_run
    FOR EACH ROW EXECUTE FUNCTION daybook.guard_purge_run();

-- The next certificate is the next of the chain, and its digest is that of its document.
CREATE FUNCTION daybook.guard_certificate() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_last daybook.retention_certificate;
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NEW; END IF;
    SELECT * INTO v_last FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1;
    IF NEW.sequence = coalesce(v_last.sequence, 0) + 1
        AND NEW.previous_sha256 = coalesce(v_last.sha256, repeat('0', 64))
        AND NEW.sha256 = encode(sha256(convert_to(NEW.document, 'UTF8')), 'hex')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'certificate % is not the next of the chain', NEW.sequence USING ERRCODE = '42501';
END $$;
CREATE TRIGGER retention_certificate_is_the_next BEFORE INSERT ON daybook.retention_certificate
    FOR EACH ROW EXECUTE FUNCTION daybook.guard_certificate();

-- A purge writes while a run goes on, and of probes only what lies before the cutoff of that run: what is written outside
-- of one would stand in no certificate.
CREATE FUNCTION daybook.guard_outside_of_run() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NULL; END IF;
    IF NOT EXISTS (SELECT FROM daybook.purge_run WHERE state = 'running') THEN
        RAISE EXCEPTION '%.% is written by a purge that runs, and none does', TG_TABLE_SCHEMA, TG_TABLE_NAME
            USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER task_fact_within_a_run BEFORE INSERT OR UPDATE ON daybook.task_fact
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_outside_of_run();
CREATE TRIGGER access_day_within_a_run BEFORE INSERT OR UPDATE ON daybook.access_day
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_outside_of_run();
CREATE FUNCTION daybook.guard_probe() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
    v_cutoff timestamptz;
    v_newest timestamptz;
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NULL; END IF;
    IF TG_TABLE_NAME = 'probe' THEN
        SELECT max(probed_at) INTO v_newest FROM written;
    ELSE
        SELECT max(day) INTO v_newest FROM written;
    END IF;
    SELECT max(c.cutoff) INTO v_cutoff FROM daybook.purge_cutoff AS c
    JOIN daybook.purge_run AS r ON r.run_id = c.run_id AND r.state = 'running' WHERE c.data_class = 'probes';
    IF v_newest IS NOT NULL AND (v_cutoff IS NULL OR v_newest >= v_cutoff) THEN
        RAISE EXCEPTION 'probes are folded by a purge that runs, and only before its cutoff' USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER probe_goes_within_a_run AFTER DELETE ON daybook.probe
    REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_probe();
CREATE TRIGGER probe_day_comes_within_a_run AFTER INSERT ON daybook.probe_day
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_probe();
REVOKE ALL ON FUNCTION daybook.guard_outside_of_run(), daybook.guard_probe() FROM PUBLIC;

-- Whoever calls them is named in docs/operations.md; nobody else does.
REVOKE ALL ON FUNCTION daybook.guard_account_hold(), daybook.release_account_hold(uuid, text),
    daybook.place_account_hold(uuid, text), daybook.place_hold(text, uuid, text, text),
    daybook.release_hold(bigint, text), daybook.guard_legal_hold(), daybook.refuse_change(), daybook.guard_run_record(),
    daybook.guard_purge_segment(), daybook.guard_purge_sweep(), daybook.guard_purge_run(),
    daybook.guard_certificate() FROM PUBLIC;
