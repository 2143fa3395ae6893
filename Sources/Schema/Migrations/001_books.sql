-- Daybook's own books: who the customers are, what was promised to them, and what was measured.
-- Additive: nothing outside schema daybook is touched, and no lock is taken on a table of the deployment.

CREATE TABLE daybook.contract_profile (
    name        text        NOT NULL,
    version     bigint      NOT NULL,
    document    text        NOT NULL,
    sha256      text        NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT contract_profile_pkey PRIMARY KEY (name, version),
    CONSTRAINT contract_profile_version_positive CHECK (version > 0)
);
COMMENT ON TABLE daybook.contract_profile IS 'What contracts promise. A version is never changed, only followed by the next.';

CREATE TABLE daybook.account (
    user_id          uuid        NOT NULL,
    slug             text        NOT NULL,
    name             text        NOT NULL,
    plan             text        NOT NULL,
    currency         text        NOT NULL,
    time_zone        text        NOT NULL,
    retention_days   integer     NOT NULL,
    monthly_fee_usd  numeric     NOT NULL,
    legal_hold       text,
    contract_profile text        NOT NULL,
    imported_at      timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT account_pkey PRIMARY KEY (user_id),
    CONSTRAINT account_slug_unique UNIQUE (slug),
    CONSTRAINT account_plan_known CHECK (plan IN ('payg', 'prepaid')),
    CONSTRAINT account_currency_usd CHECK (currency = 'USD'),
    CONSTRAINT account_retention_known CHECK (retention_days IN (30, 90, 180)),
    CONSTRAINT account_fee_not_negative CHECK (monthly_fee_usd >= 0)
);
COMMENT ON TABLE daybook.account IS 'One row an enterprise customer. A small reference table: its slug is unique over all of them.';

CREATE TABLE daybook.probe (
    target     text        NOT NULL,
    probed_at  timestamptz NOT NULL,
    ok         boolean     NOT NULL,
    latency_ms integer,
    CONSTRAINT probe_pkey PRIMARY KEY (target, probed_at, ok),
    CONSTRAINT probe_latency_not_negative CHECK (latency_ms >= 0)
);
COMMENT ON TABLE daybook.probe IS 'One row a probe of a component. Importing the same probe twice changes nothing.';

CREATE TABLE daybook.maintenance_window (
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    announced_at timestamptz NOT NULL,
    reason       text        NOT NULL,
    CONSTRAINT maintenance_window_pkey PRIMARY KEY (starts_at, ends_at, announced_at, reason),
    CONSTRAINT maintenance_window_ends_after_start CHECK (ends_at > starts_at)
);
COMMENT ON TABLE daybook.maintenance_window IS 'Maintenance as it was announced, and when.';

CREATE TABLE daybook.provider_outage (
    model     text        NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at   timestamptz NOT NULL,
    evidence  text        NOT NULL,
    CONSTRAINT provider_outage_pkey PRIMARY KEY (model, starts_at, ends_at, evidence),
    CONSTRAINT provider_outage_ends_after_start CHECK (ends_at > starts_at)
);
COMMENT ON TABLE daybook.provider_outage IS 'Outages of a model at its provider, with the evidence for them.';

CREATE TABLE daybook.task_fact (
    user_id            uuid    NOT NULL,
    task_id            uuid    NOT NULL,
    dispatched_at      timestamptz,
    terminal_at        timestamptz,
    terminal_estimated boolean NOT NULL DEFAULT false,
    cancelled_at       timestamptz,
    cost_credits       bigint,
    CONSTRAINT task_fact_pkey PRIMARY KEY (user_id, task_id),
    CONSTRAINT task_fact_cost_not_negative CHECK (cost_credits >= 0)
);
COMMENT ON TABLE daybook.task_fact IS
    'What Daybook knows of a task that the row in public.video_tasks does not say, or will not say for ever: when it was handed over, '
    'when it ended (and whether that instant was estimated from updated_at), when the customer cancelled it, what it cost.';
