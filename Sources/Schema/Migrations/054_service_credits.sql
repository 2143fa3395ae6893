-- Service credits and what became of them: offered, asked for, granted or declined. Additive: nothing outside schema
-- daybook is touched.

CREATE TABLE daybook.service_credit (
    user_id         uuid        NOT NULL,
    month           date        NOT NULL,
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL,
    monthly_fee_usd numeric     NOT NULL,
    attained        numeric     NOT NULL,
    tier_percent    numeric     NOT NULL,
    is_least        boolean     NOT NULL,
    credit_usd      numeric     NOT NULL,
    request_until   timestamptz NOT NULL,
    report_sha256   text        NOT NULL,
    author          text        NOT NULL,
    offered_by      text        NOT NULL DEFAULT session_user,
    offered_at      timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT service_credit_pkey PRIMARY KEY (user_id, month),
    CONSTRAINT service_credit_account_exists FOREIGN KEY (user_id) REFERENCES daybook.account (user_id),
    CONSTRAINT service_credit_is_first_day CHECK (extract(day FROM month) = 1),
    CONSTRAINT service_credit_in_time CHECK (period_start < period_end AND period_end < request_until),
    CONSTRAINT service_credit_percentages CHECK (
        attained BETWEEN 0 AND 100 AND tier_percent > 0 AND tier_percent <= 100),
    -- Not a number is greater than every number, and the fee's own constraint keeps it out.
    CONSTRAINT service_credit_of_the_fee CHECK (
        monthly_fee_usd <= 1000000000 AND credit_usd > 0 AND credit_usd <= monthly_fee_usd
        AND credit_usd = round(credit_usd, 2)),
    CONSTRAINT service_credit_of_a_report CHECK (report_sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT service_credit_has_author CHECK (btrim(author) <> '')
);
COMMENT ON TABLE daybook.service_credit IS
    'The service credit of a month that a customer was offered: what its SLA report said when it was final, the digest '
    'of that report''s figures, and by whom it was offered. Added to, never changed.';
COMMENT ON COLUMN daybook.service_credit.is_least IS
    'True where a component was not monitored enough, so that the tier is the least that it can be.';

CREATE TABLE daybook.service_credit_event (
    user_id     uuid        NOT NULL,
    month       date        NOT NULL,
    sequence    bigint      NOT NULL,
    event       text        NOT NULL,
    -- A decision follows the request.
    follows     bigint      GENERATED ALWAYS AS (CASE event WHEN 'requested' THEN NULL ELSE 1 END) STORED,
    asked_at    timestamptz,
    reference   text,
    form        text,
    amount_usd  numeric,
    credits     bigint,
    reason      text,
    author      text        NOT NULL,
    recorded_by text        NOT NULL DEFAULT session_user,
    -- Whoever decides waits for others first: the instant is that of the decision, not of the waiting.
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT service_credit_event_pkey PRIMARY KEY (user_id, month, sequence),
    CONSTRAINT service_credit_event_of_offer FOREIGN KEY (user_id, month)
        REFERENCES daybook.service_credit (user_id, month),
    CONSTRAINT service_credit_event_follows FOREIGN KEY (user_id, month, follows)
        REFERENCES daybook.service_credit_event (user_id, month, sequence),
    -- One request and one decision.
    CONSTRAINT service_credit_event_known CHECK (
        event = 'requested' AND sequence = 1 OR event IN ('granted', 'declined') AND sequence = 2),
    CONSTRAINT service_credit_event_requested CHECK (
        event <> 'requested' OR asked_at IS NOT NULL AND btrim(coalesce(reference, '')) <> ''
        AND num_nonnulls(form, amount_usd, credits) = 0),
    CONSTRAINT service_credit_event_granted CHECK (
        event <> 'granted' OR form IS NOT NULL AND amount_usd IS NOT NULL AND num_nonnulls(asked_at, reason) = 0),
    CONSTRAINT service_credit_event_declined CHECK (
        event <> 'declined' OR btrim(coalesce(reason, '')) <> ''
        AND num_nonnulls(asked_at, reference, form, amount_usd, credits) = 0),
    CONSTRAINT service_credit_event_form_known CHECK (form IN ('fee', 'credits')),
    CONSTRAINT service_credit_event_amount_positive CHECK (amount_usd > 0),
    -- Booked credits stand in the ledger under their reference.
    CONSTRAINT service_credit_event_booked CHECK (
        event <> 'granted'
        OR (form = 'credits') = (credits IS NOT NULL) AND (form = 'credits') = (reference IS NOT NULL)),
    CONSTRAINT service_credit_event_credits_positive CHECK (credits > 0),
    CONSTRAINT service_credit_event_has_author CHECK (btrim(author) <> '')
);
COMMENT ON TABLE daybook.service_credit_event IS
    'What became of a service credit that was offered: that the customer asked for it, when and under which reference, '
    'and that it was granted, as a reduction of the fee or as credits that were booked, or declined, and why.';

-- What one row cannot see: the offer that it is about.
CREATE FUNCTION daybook.check_service_credit() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_offer daybook.service_credit;
BEGIN
    SELECT * INTO v_offer FROM daybook.service_credit WHERE user_id = NEW.user_id AND month = NEW.month;
    IF NEW.amount_usd > v_offer.credit_usd THEN
        RAISE EXCEPTION 'more is granted than was offered' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'service_credit_event_within_offer';
    END IF;
    IF NEW.asked_at > v_offer.request_until AND btrim(coalesce(NEW.reason, '')) = '' THEN
        RAISE EXCEPTION 'a late request has no reason' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'service_credit_event_late_has_reason';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION daybook.check_service_credit() FROM PUBLIC;

CREATE TRIGGER service_credit_event_is_checked BEFORE INSERT ON daybook.service_credit_event
    FOR EACH ROW EXECUTE FUNCTION daybook.check_service_credit();
CREATE TRIGGER service_credit_is_never_changed BEFORE UPDATE OR DELETE ON daybook.service_credit
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_change();
CREATE TRIGGER service_credit_event_is_never_changed BEFORE UPDATE OR DELETE ON daybook.service_credit_event
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_change();
