-- What purchases cost whose ledger rows do not say it. Additive: nothing outside schema daybook is touched.

CREATE TABLE daybook.ledger_price (
    user_id     uuid           NOT NULL,
    entry_id    bigint         NOT NULL,
    usd         numeric(18, 6) NOT NULL,
    recorded_by text           NOT NULL DEFAULT session_user,
    recorded_at timestamptz    NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT ledger_price_pkey PRIMARY KEY (user_id, entry_id),
    CONSTRAINT ledger_price_not_negative CHECK (usd >= 0)
);
COMMENT ON TABLE daybook.ledger_price IS
    'The price of a purchase whose ledger row names none, as somebody told it. It is never changed: costs were stated by it.';
