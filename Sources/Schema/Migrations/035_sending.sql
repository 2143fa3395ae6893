-- What leaves the house: what somebody accepted of a statement that is not whole, and what became of every message. Additive: nothing
-- outside schema daybook is touched.

CREATE TABLE daybook.statement_acceptance (
    user_id     uuid        NOT NULL,
    sequence    integer     NOT NULL,
    month       date        NOT NULL,
    line        text        NOT NULL,
    credits     bigint      NOT NULL,
    reason      text        NOT NULL,
    accepted_by text        NOT NULL DEFAULT session_user,
    accepted_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT statement_acceptance_pkey PRIMARY KEY (user_id, sequence),
    CONSTRAINT statement_acceptance_account_exists FOREIGN KEY (user_id) REFERENCES daybook.account (user_id),
    CONSTRAINT statement_acceptance_line_known CHECK (line IN ('unreconciled', 'expired_unbooked', 'unexplained')),
    CONSTRAINT statement_acceptance_of_something CHECK (credits <> 0),
    CONSTRAINT statement_acceptance_has_reason CHECK (btrim(reason) <> '')
);
COMMENT ON TABLE daybook.statement_acceptance IS
    'Differences that a statement may be sent and closed with: how many credits, why, and by whose word. Added to, never changed.';

-- A message is recorded before it is given away, and what became of it afterwards. One without an outcome may have gone out.
CREATE TABLE daybook.statement_delivery_outcome (
    user_id     uuid        NOT NULL,
    month       date        NOT NULL,
    sequence    integer     NOT NULL,
    outcome     text        NOT NULL,
    remark      text        NOT NULL DEFAULT '',
    recorded_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT statement_delivery_outcome_pkey PRIMARY KEY (user_id, month, sequence),
    CONSTRAINT statement_delivery_outcome_of_one FOREIGN KEY (user_id, month, sequence)
        REFERENCES daybook.statement_delivery (user_id, month, sequence),
    CONSTRAINT statement_delivery_outcome_known CHECK (outcome IN ('handed_over', 'not_sent'))
);
COMMENT ON TABLE daybook.statement_delivery_outcome IS
    'What became of a message: handed over, or not sent and why. A delivery without an outcome may have gone out.';

-- Until now a delivery was recorded in the transaction that gave it away.
INSERT INTO daybook.statement_delivery_outcome (user_id, month, sequence, outcome, recorded_at)
SELECT user_id, month, sequence, 'handed_over', sent_at FROM daybook.statement_delivery;

ALTER TABLE daybook.statement_delivery ADD COLUMN report text NOT NULL DEFAULT 'statement',
    ADD CONSTRAINT statement_delivery_report_known CHECK (report IN ('statement', 'sla'));
COMMENT ON TABLE daybook.statement_delivery IS
    'Every statement and SLA report that was to be handed over: to whom, how, and the digest of the message.';

CREATE TRIGGER statement_acceptance_is_never_changed BEFORE UPDATE OR DELETE ON daybook.statement_acceptance
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_change();
CREATE TRIGGER statement_delivery_outcome_is_never_changed BEFORE UPDATE OR DELETE ON daybook.statement_delivery_outcome
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_change();
