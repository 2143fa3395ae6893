-- When a batch was settled of which the application did not write that down. Additive: nothing outside schema daybook is touched.

CREATE TABLE daybook.settlement_fact (
    user_id     uuid        NOT NULL,
    batch_id    uuid        NOT NULL,
    settled_at  timestamptz NOT NULL,
    captured_by text        NOT NULL DEFAULT session_user,
    captured_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT settlement_fact_pkey PRIMARY KEY (user_id, batch_id)
);
COMMENT ON TABLE daybook.settlement_fact IS
    'The settlement instant of a batch without one, as it was estimated when Daybook first wrote after it had been settled: it does not '
    'move any more, whatever is written to the batch.';
