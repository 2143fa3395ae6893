-- What was asked to be erased at once, of one customer or of one video: it is owed until nothing of it is left. Only
-- schema daybook is touched.

CREATE TABLE daybook.erasure (
    run_id        bigint      NOT NULL,
    scope         text        NOT NULL,
    user_id       uuid,
    video_id      uuid,
    reference     text        NOT NULL,
    reason        text        NOT NULL,
    requested_by  text        NOT NULL,
    erased_before timestamptz NOT NULL,
    settled_run   bigint,
    CONSTRAINT erasure_pkey PRIMARY KEY (run_id),
    CONSTRAINT erasure_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id),
    CONSTRAINT erasure_settled_by_run FOREIGN KEY (settled_run) REFERENCES daybook.purge_run (run_id),
    CONSTRAINT erasure_scope_known CHECK (
        (scope = 'account' AND user_id IS NOT NULL AND video_id IS NULL)
        OR (scope = 'video' AND video_id IS NOT NULL AND user_id IS NULL)),
    CONSTRAINT erasure_explained CHECK (btrim(reference) <> '' AND btrim(reason) <> '' AND btrim(requested_by) <> ''),
    CONSTRAINT erasure_settled_afterwards CHECK (settled_run >= run_id)
);
COMMENT ON TABLE daybook.erasure IS
    'What one customer''s or one video''s erasure takes: everything before an instant, held or open at first or not.';
COMMENT ON COLUMN daybook.erasure.settled_run IS
    'The run after which nothing of it was left; null while something is owed.';

-- An erasure is settled, once, and is otherwise as it was recorded.
CREATE FUNCTION daybook.guard_erasure() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_same daybook.erasure := NEW;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        v_same.settled_run := OLD.settled_run;
        IF OLD.settled_run IS NULL AND NEW.settled_run IS NOT NULL AND v_same IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'an erasure is settled, and is never altered or removed: % is refused', TG_OP
        USING ERRCODE = '42501';
END $$;
CREATE TRIGGER erasure_only_settles BEFORE UPDATE OR DELETE ON daybook.erasure
    FOR EACH ROW EXECUTE FUNCTION daybook.guard_erasure();
CREATE TRIGGER erasure_never_emptied BEFORE TRUNCATE ON daybook.erasure
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_erasure();
CREATE TRIGGER erasure_of_open_run AFTER INSERT ON daybook.erasure
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();

-- Beside what the chain may hold already, whichever migrations came before this one.
DO $$
DECLARE
    v_kinds text;
BEGIN
    SELECT string_agg(quote_literal(k.kind), ', ' ORDER BY k.kind) INTO v_kinds
    FROM (
        SELECT m.found[1] AS kind FROM pg_constraint AS c
        CROSS JOIN LATERAL regexp_matches(pg_get_constraintdef(c.oid), '''([a-z_]+)''', 'g') AS m (found)
        WHERE c.conrelid = 'daybook.retention_certificate'::regclass AND c.conname = 'retention_certificate_kind_known'
        UNION SELECT 'erasure'
    ) AS k;
    EXECUTE format(
        'ALTER TABLE daybook.retention_certificate DROP CONSTRAINT retention_certificate_kind_known,
            ADD CONSTRAINT retention_certificate_kind_known CHECK (kind IN (%s))', v_kinds);
END $$;

REVOKE ALL ON FUNCTION daybook.guard_erasure() FROM PUBLIC;
