-- Messages about batches, with the record of who was told and how it went, have a retention as the rest of customers'
-- data. A purge takes an event out; triggers take its deliveries and attempts with it, and put them back with it.

ALTER TABLE daybook.retention_policy
    DROP CONSTRAINT retention_policy_class_known,
    ADD CONSTRAINT retention_policy_class_known
        CHECK (data_class IN ('access_log', 'task_content', 'api_usage', 'webhook_payload'));

ALTER TABLE daybook.webhook_event
    ADD COLUMN deliveries jsonb,
    ADD COLUMN attempts jsonb;
COMMENT ON COLUMN daybook.webhook_event.deliveries IS
    'Of an archived event its rows of webhook_delivery, and attempts those of webhook_attempt; null in the table.';

CREATE FUNCTION daybook.drop_webhook_logs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_nestloop = on SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_seqscan = off SET jit = off AS $$
DECLARE
    v_fresh bigint;
BEGIN
    IF TG_RELID <> 'daybook.webhook_event'::regclass THEN
        RAISE EXCEPTION 'daybook.drop_webhook_logs works after rows of daybook.webhook_event went, nowhere else'
            USING ERRCODE = 'DB001';
    END IF;
    DELETE FROM daybook.webhook_attempt AS a USING gone AS g
    WHERE a.user_id = g.user_id AND a.event_id = g.event_id;
    WITH dropped AS (
        DELETE FROM daybook.webhook_delivery AS d USING gone AS g
        WHERE d.user_id = g.user_id AND d.event_id = g.event_id RETURNING d.state, d.ended_at
    )
    SELECT count(*) INTO v_fresh FROM dropped WHERE state = 'due' OR ended_at > transaction_timestamp();
    -- Sent again between the look at it and here: it is tried again, and looked at anew.
    IF v_fresh > 0 THEN
        RAISE EXCEPTION 'a message is being sent again' USING ERRCODE = '40001';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER webhook_event_takes_its_logs AFTER DELETE ON daybook.webhook_event
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION daybook.drop_webhook_logs();
-- Who only purges takes messages within a run alone.
CREATE TRIGGER webhook_event_goes_within_a_run BEFORE DELETE ON daybook.webhook_event
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_outside_of_run();

CREATE FUNCTION daybook.unfold_webhook_logs() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    IF TG_RELID <> 'daybook.webhook_event'::regclass THEN
        RAISE EXCEPTION 'daybook.unfold_webhook_logs works before rows of daybook.webhook_event come, nowhere else'
            USING ERRCODE = 'DB001';
    END IF;
    INSERT INTO daybook.webhook_delivery
    SELECT d.* FROM jsonb_populate_recordset(NULL::daybook.webhook_delivery, NEW.deliveries) AS d;
    INSERT INTO daybook.webhook_attempt OVERRIDING SYSTEM VALUE
    SELECT a.* FROM jsonb_populate_recordset(NULL::daybook.webhook_attempt, NEW.attempts) AS a;
    NEW.deliveries := NULL;
    NEW.attempts := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER webhook_event_brings_its_logs BEFORE INSERT ON daybook.webhook_event
    FOR EACH ROW WHEN (NEW.deliveries IS NOT NULL OR NEW.attempts IS NOT NULL)
    EXECUTE FUNCTION daybook.unfold_webhook_logs();

REVOKE ALL ON FUNCTION daybook.drop_webhook_logs, daybook.unfold_webhook_logs FROM PUBLIC;
