-- Purged accesses by the run that took them, in stretches that lie in one month of any zone. Additive: nothing outside
-- schema daybook is touched, and what daybook.access_day counts of purges of before stays.

CREATE TABLE daybook.access_total (
    user_id   uuid        NOT NULL,
    run_id    bigint      NOT NULL,
    begins_at timestamptz NOT NULL,
    action    text        NOT NULL,
    accesses  bigint      NOT NULL,
    CONSTRAINT access_total_pkey PRIMARY KEY (user_id, run_id, begins_at, action),
    CONSTRAINT access_total_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id)
);
COMMENT ON TABLE daybook.access_total IS
    'Purged accesses by owner, run and action: a quarter of an hour a row on the first and last UTC day of a month, else a UTC day.';
COMMENT ON TABLE daybook.access_day IS
    'Accesses that earlier versions purged, by owner, day of the owner''s zone and action. Nothing is added to it any more.';

CREATE TRIGGER access_total_only_grows BEFORE UPDATE ON daybook.access_total FOR EACH ROW
    WHEN (NEW.accesses < OLD.accesses) EXECUTE FUNCTION daybook.refuse_change();
CREATE TRIGGER access_total_of_open_run AFTER INSERT ON daybook.access_total
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
CREATE TRIGGER access_total_changed_of_open_run AFTER UPDATE ON daybook.access_total
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_run_record();
