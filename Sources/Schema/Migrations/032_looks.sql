-- Looks into archives: rows that were purged and live again in tables of their own, until those are dropped. Only
-- schema daybook is touched.

CREATE TABLE daybook.retention_look (
    look_id       bigint      GENERATED ALWAYS AS IDENTITY,
    run_id        bigint      NOT NULL,
    relations     text[]      NOT NULL,
    relation_oids oid[]       NOT NULL,
    data_classes  text[]      NOT NULL,
    row_counts    bigint[]    NOT NULL,
    reason        text        NOT NULL,
    until_at      timestamptz NOT NULL,
    looked_by     text        NOT NULL DEFAULT session_user,
    looked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at    timestamptz,
    dropped_by    text,
    CONSTRAINT retention_look_pkey PRIMARY KEY (look_id),
    CONSTRAINT retention_look_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id),
    CONSTRAINT retention_look_tables_described CHECK (
        cardinality(relations) > 0 AND cardinality(relation_oids) = cardinality(relations)
        AND cardinality(data_classes) = cardinality(relations) AND cardinality(row_counts) = cardinality(relations)),
    CONSTRAINT retention_look_reason_given CHECK (btrim(reason) <> ''),
    CONSTRAINT retention_look_ends CHECK (until_at > looked_at),
    CONSTRAINT retention_look_dropped_by_somebody CHECK ((dropped_at IS NULL) = (dropped_by IS NULL))
);
COMMENT ON TABLE daybook.retention_look IS
    'Rows of archives that live again: who looked, why, where, until when. It ends with its tables, and is never removed.';
COMMENT ON COLUMN daybook.retention_look.relations IS
    'The tables by the names that they were made with; relation_oids finds them under any other.';

-- A look ends, once, and is otherwise as it was recorded.
CREATE FUNCTION daybook.guard_retention_look() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.dropped_at IS NULL AND NEW.dropped_at IS NOT NULL
            AND (OLD.look_id, OLD.run_id, OLD.relations, OLD.relation_oids, OLD.data_classes, OLD.row_counts, OLD.reason,
                    OLD.until_at, OLD.looked_by, OLD.looked_at)
                = (NEW.look_id, NEW.run_id, NEW.relations, NEW.relation_oids, NEW.data_classes, NEW.row_counts, NEW.reason,
                    NEW.until_at, NEW.looked_by, NEW.looked_at)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a look into an archive ends, and is never altered or removed: % is refused', TG_OP USING ERRCODE = '42501';
END $$;
CREATE TRIGGER retention_look_only_ends BEFORE UPDATE OR DELETE ON daybook.retention_look
    FOR EACH ROW EXECUTE FUNCTION daybook.guard_retention_look();
CREATE TRIGGER retention_look_never_emptied BEFORE TRUNCATE ON daybook.retention_look
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_retention_look();

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
        UNION SELECT 'look' UNION SELECT 'look_dropped'
    ) AS k;
    EXECUTE format(
        'ALTER TABLE daybook.retention_certificate DROP CONSTRAINT retention_certificate_kind_known,
            ADD CONSTRAINT retention_certificate_kind_known CHECK (kind IN (%s))', v_kinds);
END $$;

REVOKE ALL ON FUNCTION daybook.guard_retention_look() FROM PUBLIC;
