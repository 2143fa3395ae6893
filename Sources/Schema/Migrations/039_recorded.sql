-- Final months with the figures that the trends of later SLA reports take of them. Additive: nothing outside schema
-- daybook is touched.

CREATE TABLE daybook.recorded_month (
    user_id      uuid        NOT NULL,
    month        date        NOT NULL,
    version      integer     NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    cutoff       timestamptz NOT NULL,
    sql_sha256   text        NOT NULL,
    terms_sha256 text        NOT NULL,
    figures      text        NOT NULL,
    sha256       text        NOT NULL,
    recorded_by  text        NOT NULL,
    recorded_at  timestamptz NOT NULL,
    CONSTRAINT recorded_month_pkey PRIMARY KEY (user_id, month, version),
    CONSTRAINT recorded_month_is_first_day CHECK (extract(day FROM month) = 1),
    CONSTRAINT recorded_month_version_positive CHECK (version > 0),
    CONSTRAINT recorded_month_ends_after_start CHECK (period_end > period_start),
    CONSTRAINT recorded_month_is_over CHECK (cutoff >= period_end)
);
COMMENT ON TABLE daybook.recorded_month IS
    'What a final month of an account came to, or of everybody together (the owner of zeros): figures as the trend '
    'takes them, with the digests of the queries that counted them, of the terms that judged, and of all of it. What '
    'is recorded again is a further version; none is changed or removed. Numbers alone: no retention takes them.';

CREATE FUNCTION daybook.guard_recorded_month() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a recorded month stays as it was recorded: % is refused', TG_OP USING ERRCODE = '42501';
END $$;
REVOKE ALL ON FUNCTION daybook.guard_recorded_month() FROM PUBLIC;
CREATE TRIGGER recorded_month_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON daybook.recorded_month
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_recorded_month();
