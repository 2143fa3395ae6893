-- The steps of a month's end: what was run, closed and sent, by whom, and what everybody's reports were then. Additive:
-- nothing outside schema daybook is touched.

CREATE TABLE daybook.month_step (
    month       date        NOT NULL,
    sequence    bigint      NOT NULL,
    run         bigint      NOT NULL,
    step        text        NOT NULL,
    is_final    boolean     NOT NULL,
    findings    bigint      NOT NULL,
    remark      text        NOT NULL,
    author      text        NOT NULL,
    recorded_by text        NOT NULL DEFAULT session_user,
    recorded_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT month_step_pkey PRIMARY KEY (month, sequence),
    CONSTRAINT month_step_is_first_day CHECK (extract(day FROM month) = 1),
    CONSTRAINT month_step_sequence_positive CHECK (sequence > 0 AND run > 0),
    CONSTRAINT month_step_findings_not_negative CHECK (findings >= 0),
    CONSTRAINT month_step_known CHECK (step IN (
        'begin', 'data', 'ledger', 'sla', 'statements', 'page', 'close', 'send_statements', 'send_sla', 'credits'))
);
COMMENT ON TABLE daybook.month_step IS
    'A step of a month''s end that was done: in which run, with how many findings, and by whom. A run without its step '
    '"page" was cut off. What is closed and sent is said by month_close and statement_delivery, whoever did it.';

CREATE TABLE daybook.month_report (
    user_id uuid   NOT NULL,
    month   date   NOT NULL,
    run     bigint NOT NULL,
    report  text   NOT NULL,
    sha256  text   NOT NULL,
    CONSTRAINT month_report_pkey PRIMARY KEY (user_id, month, run, report),
    CONSTRAINT month_report_known CHECK (report IN ('statement', 'sla'))
);
COMMENT ON TABLE daybook.month_report IS
    'The digest of the figures of each customer''s reports as a run of the month wrote them: what is approved is what '
    'was looked at.';

CREATE TRIGGER month_step_is_never_changed BEFORE UPDATE OR DELETE ON daybook.month_step
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_change();
CREATE TRIGGER month_report_is_never_changed BEFORE UPDATE OR DELETE ON daybook.month_report
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_change();
