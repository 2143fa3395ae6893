-- The financial retention: what stays where months of the ledger were replaced by balances. Additive: nothing outside schema daybook is
-- touched. Only a database whose ledger Daybook made ever has a row here.

CREATE TABLE daybook.ledger_carry (
    run_id         bigint      NOT NULL,
    state          text        NOT NULL DEFAULT 'begun',
    cutoff         timestamptz NOT NULL,
    archive_folder text        NOT NULL,
    begun_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ledger_carry_pkey PRIMARY KEY (run_id),
    CONSTRAINT ledger_carry_state_known CHECK (state IN ('begun', 'done'))
);
COMMENT ON TABLE daybook.ledger_carry IS
    'One row a run that carried the ledger forward. While it is begun nothing has changed but its archive folder, which the next run removes.';

CREATE TABLE daybook.carried_lot (
    user_id  uuid           NOT NULL,
    position integer        NOT NULL,
    bucket   text           NOT NULL,
    entry_id bigint         NOT NULL,
    credits  bigint         NOT NULL,
    cost_usd numeric(18, 6) NOT NULL,
    CONSTRAINT carried_lot_pkey PRIMARY KEY (user_id, position),
    CONSTRAINT carried_lot_bucket_known CHECK (bucket IN ('permanent', 'bonus')),
    CONSTRAINT carried_lot_not_negative CHECK (credits >= 0 AND cost_usd >= 0)
);
COMMENT ON TABLE daybook.carried_lot IS
    'What was left at the cutoff of the credit that each purchase or grant brought in, in the order in which it is spent, and what it cost.';

CREATE TABLE daybook.carried_draw (
    user_id       uuid           NOT NULL,
    draw_no       integer        NOT NULL,
    batch_id      text           NOT NULL,
    position      integer,
    model         text           NOT NULL,
    credits       bigint         NOT NULL,
    cost_usd      numeric(18, 6) NOT NULL,
    kept          bigint         NOT NULL,
    kept_cost_usd numeric(18, 6) NOT NULL,
    CONSTRAINT carried_draw_pkey PRIMARY KEY (user_id, draw_no),
    CONSTRAINT carried_draw_lot_exists FOREIGN KEY (user_id, position) REFERENCES daybook.carried_lot (user_id, position),
    CONSTRAINT carried_draw_keeps_at_most_itself CHECK (kept BETWEEN 0 AND credits AND kept_cost_usd BETWEEN 0 AND cost_usd)
);
COMMENT ON TABLE daybook.carried_draw IS
    'What batches that could still change at the cutoff had taken from each lot, and not given back: a later refund finds its way there.';

CREATE TABLE daybook.carried_shortfall (
    user_id uuid   NOT NULL,
    credits bigint NOT NULL,
    CONSTRAINT carried_shortfall_pkey PRIMARY KEY (user_id),
    CONSTRAINT carried_shortfall_positive CHECK (credits > 0)
);
COMMENT ON TABLE daybook.carried_shortfall IS 'Credits spent before the cutoff that no purchase or grant covered: they cost nothing.';

CREATE TABLE daybook.carried_batch (
    user_id        uuid        NOT NULL,
    batch_id       text        NOT NULL,
    role           text        NOT NULL,
    model          text        NOT NULL,
    run_id         bigint      NOT NULL,
    entries        bigint      NOT NULL,
    credits        bigint      NOT NULL,
    first_entry_id bigint      NOT NULL,
    last_posted_at timestamptz NOT NULL,
    CONSTRAINT carried_batch_pkey PRIMARY KEY (user_id, batch_id, role, model, run_id),
    CONSTRAINT carried_batch_role_known CHECK (role IN ('freeze', 'refund', 'purchase'))
);
COMMENT ON TABLE daybook.carried_batch IS
    'What the replaced rows said of each batch, in sums: daybook ledger verify goes on to prove that it was charged and refunded rightly.';

ALTER TABLE daybook.retention_certificate DROP CONSTRAINT retention_certificate_kind_known;
ALTER TABLE daybook.retention_certificate ADD CONSTRAINT retention_certificate_kind_known
    CHECK (kind IN ('purge', 'archive_expiry', 'restore', 'carry'));
