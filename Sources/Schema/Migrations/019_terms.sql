-- What an account has agreed to, month by month: zone, plan, currency, fee and profile hold from a month on, and a month that is over
-- keeps the terms that it was over under. Additive: nothing outside schema daybook is touched.

CREATE TABLE daybook.account_terms (
    user_id          uuid        NOT NULL,
    from_month       date        NOT NULL,
    plan             text        NOT NULL,
    currency         text        NOT NULL,
    time_zone        text        NOT NULL,
    monthly_fee_usd  numeric     NOT NULL,
    contract_profile text        NOT NULL,
    recorded_by      text        NOT NULL DEFAULT session_user,
    recorded_at      timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT account_terms_pkey PRIMARY KEY (user_id, from_month),
    CONSTRAINT account_terms_account_exists FOREIGN KEY (user_id) REFERENCES daybook.account (user_id),
    CONSTRAINT account_terms_from_first_day CHECK (
        from_month = '0001-01-01' OR (from_month BETWEEN '2000-01-01' AND '2199-12-01' AND extract(day FROM from_month) = 1)),
    CONSTRAINT account_terms_plan_known CHECK (plan IN ('payg', 'prepaid')),
    CONSTRAINT account_terms_currency_usd CHECK (currency = 'USD'),
    -- Not a number is greater than every number.
    CONSTRAINT account_terms_fee_in_range CHECK (monthly_fee_usd BETWEEN 0 AND 1000000000)
);
COMMENT ON TABLE daybook.account_terms IS
    'The terms of an account, each from a month on; those of 0001-01-01 hold from the beginning. A month that is over keeps its own.';

-- What is known so far holds for all months: the accounts never said since when.
INSERT INTO daybook.account_terms (user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
SELECT user_id, '0001-01-01', plan, currency, time_zone, monthly_fee_usd, contract_profile FROM daybook.account;

-- The first month that is not over, by the terms in force and the database's clock. A month ends at midnight in the zone of its own
-- terms.
CREATE FUNCTION daybook.open_month(p_user uuid) RETURNS date LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Two days ago it was a month that is over, or still runs, in every zone.
    v_month date := date_trunc('month', (transaction_timestamp() AT TIME ZONE 'UTC') - interval '2 days')::date;
    v_zone text;
BEGIN
    LOOP
        SELECT time_zone INTO v_zone FROM daybook.account_terms
        WHERE user_id = p_user AND from_month <= v_month ORDER BY from_month DESC LIMIT 1;
        EXIT WHEN daybook.first_instant((v_month + interval '1 month')::date, v_zone) > transaction_timestamp();
        v_month := (v_month + interval '1 month')::date;
    END LOOP;
    RETURN v_month;
END $$;

-- Records terms from a month on: without one, for all months where the account has none yet, else from the first month that is not
-- over. A change that was recorded for a later month stays. Terms that are in force already are not recorded again.
-- Gives the month from which the terms hold, null where nothing changed, and the month of the next recorded change.
CREATE FUNCTION daybook.set_terms(
    p_user uuid, p_from date, p_plan text, p_currency text, p_zone text, p_fee numeric, p_profile text,
    OUT held_from date, OUT next_change date
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_open date;
    v_terms daybook.account_terms;
BEGIN
    -- A zone that PostgreSQL does not know would end every report that looks at the account.
    PERFORM transaction_timestamp() AT TIME ZONE p_zone;
    PERFORM FROM daybook.account WHERE user_id = p_user FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM daybook.account_terms WHERE user_id = p_user) THEN
        held_from := '0001-01-01';
    ELSE
        v_open := daybook.open_month(p_user);
        IF p_from < v_open THEN
            RAISE EXCEPTION 'the month % is over', to_char(p_from, 'YYYY-MM') USING ERRCODE = 'DB409';
        END IF;
        held_from := coalesce(p_from, v_open);
        SELECT * INTO v_terms FROM daybook.account_terms
        WHERE user_id = p_user AND from_month <= held_from ORDER BY from_month DESC LIMIT 1;
    END IF;
    SELECT min(from_month) INTO next_change FROM daybook.account_terms WHERE user_id = p_user AND from_month > held_from;
    IF (v_terms.plan, v_terms.currency, v_terms.time_zone, v_terms.monthly_fee_usd, v_terms.contract_profile)
        IS NOT DISTINCT FROM (p_plan, p_currency, p_zone, p_fee, p_profile)
    THEN
        held_from := NULL;
        RETURN;
    END IF;
    INSERT INTO daybook.account_terms (user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
    VALUES (p_user, held_from, p_plan, p_currency, p_zone, p_fee, p_profile)
    ON CONFLICT (user_id, from_month) DO UPDATE
    SET plan = excluded.plan, currency = excluded.currency, time_zone = excluded.time_zone,
        monthly_fee_usd = excluded.monthly_fee_usd, contract_profile = excluded.contract_profile,
        recorded_by = session_user, recorded_at = transaction_timestamp();
END $$;

-- Whoever writes an account's row changes its terms in this way and in no other.
CREATE FUNCTION daybook.follow_account() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_RELID <> 'daybook.account'::regclass THEN
        RAISE EXCEPTION 'daybook.follow_account works on daybook.account alone' USING ERRCODE = 'DB403';
    END IF;
    PERFORM daybook.set_terms(
        NEW.user_id, NULL, NEW.plan, NEW.currency, NEW.time_zone, NEW.monthly_fee_usd, NEW.contract_profile);
    RETURN NULL;
END $$;
CREATE TRIGGER account_terms_follow
    AFTER INSERT OR UPDATE OF plan, currency, time_zone, monthly_fee_usd, contract_profile ON daybook.account
    FOR EACH ROW EXECUTE FUNCTION daybook.follow_account();

REVOKE ALL ON FUNCTION daybook.open_month(uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION daybook.set_terms(uuid, date, text, text, text, numeric, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION daybook.follow_account() FROM PUBLIC;
