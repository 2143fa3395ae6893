-- Certificates that can be shown to one customer: what heads the chain is the digest of a certificate's face, which names nobody and
-- commits to the parts. Only schema daybook is touched.

ALTER TABLE daybook.retention_certificate ADD COLUMN face text;
COMMENT ON COLUMN daybook.retention_certificate.face IS
    'What sha256 is of: the certificate without what is anybody''s, and the root of its parts. Null without parts: then it is of the document.';

-- The next certificate is the next of the chain, and its digest is that of its face.
CREATE OR REPLACE FUNCTION daybook.guard_certificate() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_last daybook.retention_certificate;
BEGIN
    IF has_table_privilege(TG_RELID, 'UPDATE') THEN RETURN NEW; END IF;
    SELECT * INTO v_last FROM daybook.retention_certificate ORDER BY sequence DESC LIMIT 1;
    IF NEW.sequence = coalesce(v_last.sequence, 0) + 1
        AND NEW.previous_sha256 = coalesce(v_last.sha256, repeat('0', 64))
        AND NEW.sha256 = encode(sha256(convert_to(coalesce(NEW.face, NEW.document), 'UTF8')), 'hex')
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'certificate % is not the next of the chain', NEW.sequence USING ERRCODE = '42501';
END $$;

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
        UNION SELECT 'index'
    ) AS k;
    EXECUTE format(
        'ALTER TABLE daybook.retention_certificate DROP CONSTRAINT retention_certificate_kind_known,
            ADD CONSTRAINT retention_certificate_kind_known CHECK (kind IN (%s))', v_kinds);
END $$;

REVOKE ALL ON FUNCTION daybook.guard_certificate() FROM PUBLIC;
