-- Retention: policies, legal holds, purge runs and their evidence. Additive: nothing outside schema daybook is touched.
-- The nil uuid stands for rows whose owner has no account, or that have no owner at all.

-- The first instant of a local date. Midnight may be skipped or come twice: of the two candidates, midnight by the offset of the day before
-- and by that of the day after, the earliest one that is not still the day before is it.
CREATE FUNCTION daybook.first_instant(day date, zone text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT min(c.instant)
    FROM unnest(ARRAY[-1, 1]) AS side
    CROSS JOIN LATERAL (SELECT (day::timestamp AT TIME ZONE 'UTC') + side * interval '1 day' AS nearby) AS n
    CROSS JOIN LATERAL (
        SELECT (day::timestamp - ((n.nearby AT TIME ZONE zone) - (n.nearby AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC' AS instant
    ) AS c
    WHERE (c.instant AT TIME ZONE zone) >= day::timestamp
$$;

CREATE TABLE daybook.retention_policy (
    user_id        uuid        NOT NULL,
    data_class     text        NOT NULL,
    retention_days integer     NOT NULL,
    reason         text        NOT NULL,
    set_by         text        NOT NULL DEFAULT session_user,
    set_at         timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT retention_policy_pkey PRIMARY KEY (user_id, data_class),
    CONSTRAINT retention_policy_class_known CHECK (data_class IN ('access_log', 'task_content', 'api_usage')),
    CONSTRAINT retention_policy_days_at_least_30 CHECK (retention_days >= 30)
);
COMMENT ON TABLE daybook.retention_policy IS 'A longer retention of one class of data, by contract. The account''s own days are the least.';

CREATE TABLE daybook.legal_hold (
    hold_id        bigint      GENERATED ALWAYS AS IDENTITY,
    scope          text        NOT NULL,
    user_id        uuid,
    batch_id       uuid,
    video_id       uuid,
    matter         text        NOT NULL,
    requested_by   text        NOT NULL,
    placed_by      text        NOT NULL DEFAULT session_user,
    placed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at    timestamptz,
    released_by    text,
    release_reason text,
    CONSTRAINT legal_hold_pkey PRIMARY KEY (hold_id),
    CONSTRAINT legal_hold_scope_known CHECK (
        (scope = 'account' AND user_id IS NOT NULL AND batch_id IS NULL AND video_id IS NULL)
        OR (scope = 'batch' AND batch_id IS NOT NULL AND user_id IS NULL AND video_id IS NULL)
        OR (scope = 'video' AND video_id IS NOT NULL AND user_id IS NULL AND batch_id IS NULL)),
    CONSTRAINT legal_hold_matter_named CHECK (matter <> '' AND requested_by <> ''),
    CONSTRAINT legal_hold_release_explained CHECK ((released_at IS NULL) = (release_reason IS NULL) AND release_reason <> '')
);
COMMENT ON TABLE daybook.legal_hold IS 'What must not be purged, for whose matter. A small registry over all customers; a row is released, never removed.';

-- What is held now, by what it is held. A hold that accounts.csv names is one of the whole account.
CREATE VIEW daybook.held_owner AS
    SELECT user_id FROM daybook.account WHERE legal_hold <> ''
    UNION ALL
    SELECT user_id FROM daybook.legal_hold WHERE released_at IS NULL AND scope = 'account';
CREATE VIEW daybook.held_batch AS
    SELECT batch_id FROM daybook.legal_hold WHERE released_at IS NULL AND scope = 'batch';
CREATE VIEW daybook.held_video AS
    SELECT video_id FROM daybook.legal_hold WHERE released_at IS NULL AND scope = 'video';

CREATE TABLE daybook.purge_run (
    run_id             bigint      GENERATED ALWAYS AS IDENTITY,
    state              text        NOT NULL DEFAULT 'running',
    as_of              date        NOT NULL,
    account            text        NOT NULL DEFAULT '',
    plan               text        NOT NULL,
    plan_sha256        text        NOT NULL,
    policy_sha256      text        NOT NULL,
    hold_sha256        text        NOT NULL,
    forced             text[]      NOT NULL DEFAULT '{}',
    program_version    text        NOT NULL,
    host               text        NOT NULL,
    started_by         text        NOT NULL DEFAULT session_user,
    started_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at        timestamptz,
    archive_folder     text,
    archive_cipher     text,
    archive_days       integer,
    archive_state      text        NOT NULL DEFAULT 'none',
    archive_expires_at timestamptz,
    manifest_sha256    text,
    CONSTRAINT purge_run_pkey PRIMARY KEY (run_id),
    CONSTRAINT purge_run_state_known CHECK (state IN ('running', 'finished')),
    CONSTRAINT purge_run_archive_known CHECK (archive_state IN ('none', 'kept', 'expiring', 'destroyed')),
    CONSTRAINT purge_run_archive_placed CHECK ((archive_state = 'none') = (archive_folder IS NULL)),
    CONSTRAINT purge_run_finished_once CHECK ((state = 'finished') = (finished_at IS NOT NULL))
);
CREATE UNIQUE INDEX purge_run_one_open ON daybook.purge_run (state) WHERE state = 'running';
COMMENT ON TABLE daybook.purge_run IS 'One row a purge: the plan that it is bound to, and where its archive lies.';

CREATE TABLE daybook.purge_cutoff (
    user_id        uuid        NOT NULL,
    run_id         bigint      NOT NULL,
    data_class     text        NOT NULL,
    slug           text        NOT NULL,
    time_zone      text        NOT NULL,
    retention_days integer     NOT NULL,
    cutoff         timestamptz NOT NULL,
    CONSTRAINT purge_cutoff_pkey PRIMARY KEY (user_id, run_id, data_class),
    CONSTRAINT purge_cutoff_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id)
);
CREATE INDEX purge_cutoff_of_run ON daybook.purge_cutoff (run_id, data_class, user_id);
COMMENT ON TABLE daybook.purge_cutoff IS 'The cutoffs of a purge, as its plan had them.';

CREATE TABLE daybook.purge_sweep (
    run_id     bigint  NOT NULL,
    data_class text    NOT NULL,
    relation   text    NOT NULL,
    state      text    NOT NULL DEFAULT 'sweeping',
    pages      bigint  NOT NULL,
    next_page  bigint  NOT NULL DEFAULT 0,
    bounds     text,
    CONSTRAINT purge_sweep_pkey PRIMARY KEY (run_id, data_class, relation),
    CONSTRAINT purge_sweep_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id),
    CONSTRAINT purge_sweep_state_known CHECK (state IN ('sweeping', 'detached', 'done', 'dropped'))
);
COMMENT ON TABLE daybook.purge_sweep IS 'How far a purge has walked through each table, in the order of its heap.';

CREATE TABLE daybook.purge_segment (
    run_id        bigint      NOT NULL,
    segment       bigint      NOT NULL,
    data_class    text        NOT NULL,
    relation      text        NOT NULL,
    file_name     text        NOT NULL,
    column_names  text[]      NOT NULL,
    row_count     bigint      NOT NULL,
    size_bytes    bigint      NOT NULL,
    sha256        text        NOT NULL,
    csv_sha256    text        NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT purge_segment_pkey PRIMARY KEY (run_id, segment),
    CONSTRAINT purge_segment_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id)
);
COMMENT ON TABLE daybook.purge_segment IS 'One row an archived piece: it is there if, and only if, its rows are gone from their table.';

CREATE TABLE daybook.purge_total (
    user_id    uuid        NOT NULL,
    run_id     bigint      NOT NULL,
    data_class text        NOT NULL,
    row_count  bigint      NOT NULL,
    oldest     timestamptz NOT NULL,
    newest     timestamptz NOT NULL,
    CONSTRAINT purge_total_pkey PRIMARY KEY (user_id, run_id, data_class),
    CONSTRAINT purge_total_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id)
);
COMMENT ON TABLE daybook.purge_total IS 'What a purge took from whom, counted in the transactions that took it.';

CREATE TABLE daybook.access_day (
    user_id  uuid   NOT NULL,
    day      date   NOT NULL,
    action   text   NOT NULL,
    accesses bigint NOT NULL,
    CONSTRAINT access_day_pkey PRIMARY KEY (user_id, day, action)
);
COMMENT ON TABLE daybook.access_day IS 'Purged accesses by owner, day of the owner''s zone and action: what is left of the rows for good.';

CREATE TABLE daybook.probe_day (
    target         text        NOT NULL,
    day            date        NOT NULL,
    up_minutes     bit(1440)   NOT NULL,
    down_minutes   bit(1440)   NOT NULL,
    first_probe_at timestamptz NOT NULL,
    CONSTRAINT probe_day_pkey PRIMARY KEY (target, day)
);
COMMENT ON TABLE daybook.probe_day IS
    'Purged probes by target and UTC day: which minutes were up (a probe succeeded) and which were down. The counts are the bits that are set.';

CREATE TABLE daybook.task_redaction (
    user_id     uuid        NOT NULL,
    task_id     uuid        NOT NULL,
    run_id      bigint      NOT NULL,
    redacted_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT task_redaction_pkey PRIMARY KEY (user_id, task_id),
    CONSTRAINT task_redaction_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id)
);
COMMENT ON TABLE daybook.task_redaction IS 'Tasks whose content is gone: a second purge finds nothing in them.';

CREATE TABLE daybook.retention_certificate (
    sequence        bigint      NOT NULL,
    kind            text        NOT NULL,
    run_id          bigint      NOT NULL,
    document        text        NOT NULL,
    sha256          text        NOT NULL,
    previous_sha256 text        NOT NULL,
    folder          text        NOT NULL,
    issued_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT retention_certificate_pkey PRIMARY KEY (sequence),
    CONSTRAINT retention_certificate_once UNIQUE (run_id, kind, sha256),
    CONSTRAINT retention_certificate_run_exists FOREIGN KEY (run_id) REFERENCES daybook.purge_run (run_id),
    CONSTRAINT retention_certificate_kind_known CHECK (kind IN ('purge', 'archive_expiry', 'restore'))
);
COMMENT ON TABLE daybook.retention_certificate IS 'The chain of certificates: each document names the digest of the one before it.';
