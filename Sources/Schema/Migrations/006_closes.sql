-- Months that were closed, what was sent, and what happened to them since. Additive: nothing outside schema daybook is touched.

CREATE TABLE daybook.month_close (
    user_id          uuid        NOT NULL,
    month            date        NOT NULL,
    revision         integer     NOT NULL,
    period_start     timestamptz NOT NULL,
    period_end       timestamptz NOT NULL,
    opening_balance  bigint      NOT NULL,
    closing_balance  bigint      NOT NULL,
    entry_ids        bigint[]    NOT NULL,
    entry_credits    bigint[]    NOT NULL,
    statement_sha256 text        NOT NULL,
    previous_hash    text        NOT NULL,
    hash             text        NOT NULL,
    closed_by        text        NOT NULL,
    closed_at        timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT month_close_pkey PRIMARY KEY (user_id, month, revision),
    CONSTRAINT month_close_is_first_day CHECK (extract(day FROM month) = 1),
    CONSTRAINT month_close_revision_positive CHECK (revision > 0),
    CONSTRAINT month_close_ends_after_start CHECK (period_end > period_start),
    CONSTRAINT month_close_entries_have_credits CHECK (cardinality(entry_ids) = cardinality(entry_credits))
);
COMMENT ON TABLE daybook.month_close IS
    'A closed month of an account: the balances, the ledger rows that it shows for the first time, the digest of its statement, and a '
    'hash chained to the month before. A month that is closed again gets the next revision; the old one stays.';

CREATE TABLE daybook.month_close_file (
    user_id  uuid    NOT NULL,
    month    date    NOT NULL,
    revision integer NOT NULL,
    name     text    NOT NULL,
    sha256   text    NOT NULL,
    content  bytea   NOT NULL,
    CONSTRAINT month_close_file_pkey PRIMARY KEY (user_id, month, revision, name),
    CONSTRAINT month_close_file_of_close FOREIGN KEY (user_id, month, revision)
        REFERENCES daybook.month_close (user_id, month, revision)
);
COMMENT ON TABLE daybook.month_close_file IS 'The files of the statement as they were when the month was closed: what was sent stays what it was.';

CREATE TABLE daybook.month_reopen (
    user_id     uuid        NOT NULL,
    month       date        NOT NULL,
    revision    integer     NOT NULL,
    reason      text        NOT NULL,
    reopened_by text        NOT NULL,
    reopened_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT month_reopen_pkey PRIMARY KEY (user_id, month, revision),
    CONSTRAINT month_reopen_of_close FOREIGN KEY (user_id, month, revision)
        REFERENCES daybook.month_close (user_id, month, revision),
    CONSTRAINT month_reopen_has_reason CHECK (length(trim(reason)) > 0)
);
COMMENT ON TABLE daybook.month_reopen IS 'A closed month that was opened again: which, by whom, when and why. It is never removed.';

CREATE TABLE daybook.statement_delivery (
    user_id    uuid        NOT NULL,
    month      date        NOT NULL,
    sequence   integer     NOT NULL,
    sent_at    timestamptz NOT NULL DEFAULT transaction_timestamp(),
    recipient  text        NOT NULL,
    channel    text        NOT NULL,
    message_id text        NOT NULL,
    sha256     text        NOT NULL,
    CONSTRAINT statement_delivery_pkey PRIMARY KEY (user_id, month, sequence),
    CONSTRAINT statement_delivery_channel_known CHECK (channel IN ('outbox', 'smtp', 'sendmail'))
);
COMMENT ON TABLE daybook.statement_delivery IS 'Every statement that was handed over: to whom, how, and the digest of the message.';
