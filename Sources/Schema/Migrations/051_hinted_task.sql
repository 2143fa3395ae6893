-- An id that was named for a submission says of which task: who compares a provider's bill may not read nonces, which
-- let in callbacks.

ALTER TABLE daybook.provider_hint ADD COLUMN task_id uuid;
COMMENT ON COLUMN daybook.provider_hint.task_id IS 'The task of the submission.';

UPDATE daybook.provider_hint AS h SET task_id = s.task_id
FROM daybook.submission AS s WHERE s.user_id = h.user_id AND s.nonce = h.nonce;

CREATE FUNCTION daybook.name_hinted_task() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT s.task_id INTO NEW.task_id FROM daybook.submission AS s
    WHERE s.user_id = NEW.user_id AND s.nonce = NEW.nonce;
    RETURN NEW;
END $$;
CREATE TRIGGER daybook_name_task BEFORE INSERT ON daybook.provider_hint
    FOR EACH ROW EXECUTE FUNCTION daybook.name_hinted_task();

-- Bills are compared by id.
CREATE INDEX provider_hint_id ON daybook.provider_hint (provider_task_id) WHERE outcome = 'extra';

REVOKE ALL ON FUNCTION daybook.name_hinted_task FROM PUBLIC;
