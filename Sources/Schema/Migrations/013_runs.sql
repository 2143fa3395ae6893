-- What a purge is bound to beside its plan, and archives that nobody can find any more. Only schema daybook is touched.
ALTER TABLE daybook.purge_run
    ADD COLUMN holds            text[] NOT NULL DEFAULT '{}',
    ADD COLUMN redacted_columns text[],
    DROP CONSTRAINT purge_run_archive_known,
    ADD CONSTRAINT purge_run_archive_known CHECK (archive_state IN ('none', 'kept', 'expiring', 'destroyed', 'lost'));
COMMENT ON COLUMN daybook.purge_run.holds IS 'The holds that were in force when the plan was made: if one is released, the run ends.';
COMMENT ON COLUMN daybook.purge_run.redacted_columns IS 'The columns of the tasks that the run clears; null for runs of before.';

ALTER TABLE daybook.retention_certificate
    DROP CONSTRAINT retention_certificate_kind_known,
    ADD CONSTRAINT retention_certificate_kind_known
        CHECK (kind IN ('purge', 'archive_expiry', 'archive_lost', 'restore', 'carry'));
