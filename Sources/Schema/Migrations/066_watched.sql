-- What the service counts of itself: the API its minutes, beside those of the prober, and workers what the provider
-- answered and how long ends waited to be recorded. Nothing of it is about a customer. Additive.

-- A minute of one server process; of two there are two rows. The durations are whole milliseconds, rounded up, each
-- with how many answers took so long: exact up to 127, then at most a 64th too long.
CREATE TABLE IF NOT EXISTS daybook.served_minute (
    minute        timestamptz NOT NULL,
    server_id     uuid        NOT NULL,
    requests      bigint      NOT NULL,
    server_errors bigint      NOT NULL,
    milliseconds  integer[]   NOT NULL,
    answers       integer[]   NOT NULL,
    CONSTRAINT served_minute_pkey PRIMARY KEY (minute, server_id),
    CONSTRAINT served_minute_is_whole CHECK (minute = date_bin(interval '1 minute', minute, 'epoch')),
    CONSTRAINT served_minute_counts_fit CHECK (requests > 0 AND server_errors BETWEEN 0 AND requests),
    CONSTRAINT served_minute_lists_fit CHECK (cardinality(milliseconds) = cardinality(answers))
);
COMMENT ON TABLE daybook.served_minute IS
    'Calls that each server answered, by the minute: counted in memory, and written once the minute is over.';

CREATE TABLE IF NOT EXISTS daybook.work_count (
    subject text   NOT NULL,
    model   text   NOT NULL,
    kind    text   NOT NULL,
    count   bigint NOT NULL,
    CONSTRAINT work_count_pkey PRIMARY KEY (subject, model, kind),
    CONSTRAINT work_count_subject_known CHECK (
        subject IN ('submission', 'status', 'callback', 'settled_within', 'settling_milliseconds')),
    CONSTRAINT work_count_only_grows CHECK (count >= 0)
);
COMMENT ON TABLE daybook.work_count IS
    'What all workers have counted since ever: answers of the provider by kind, and how long ends waited.';

-- Adds what a worker has counted since it last did. Workers write in one order, so that none waits for another that
-- waits for it.
CREATE OR REPLACE FUNCTION daybook.add_work_counts(
    p_subjects text[], p_models text[], p_kinds text[], p_counts bigint[]
) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO daybook.work_count AS w (subject, model, kind, count)
    SELECT n.subject, n.model, n.kind, n.count
    FROM unnest(p_subjects, p_models, p_kinds, p_counts) AS n (subject, model, kind, count)
    ORDER BY n.subject, n.model, n.kind
    ON CONFLICT (subject, model, kind) DO UPDATE SET count = w.count + EXCLUDED.count
$$;

REVOKE ALL ON FUNCTION daybook.add_work_counts FROM PUBLIC;
