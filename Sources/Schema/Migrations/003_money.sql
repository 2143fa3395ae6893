-- The engine's money: lots, freezes, refunds, and a ledger that is only ever added to. Every key begins with user_id.
-- On a deployment it adds triggers to the wallet and the ledger, and rewrites no row.

-- ---------------------------------------------------------------- time

-- The engine's one clock. A test may run it faster, or start it elsewhere, with ALTER DATABASE … SET: it reads daybook.clock_origin
-- at the real instant daybook.clock_anchor (else at the origin itself), and runs daybook.clock_rate times as fast.
CREATE FUNCTION daybook.clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN coalesce(current_setting('daybook.clock_rate', true), '') = '' THEN clock_timestamp()
        ELSE current_setting('daybook.clock_origin')::timestamptz
            + (clock_timestamp() - coalesce(nullif(current_setting('daybook.clock_anchor', true), ''),
                current_setting('daybook.clock_origin'))::timestamptz)
            * current_setting('daybook.clock_rate')::double precision
    END
$$;

-- ---------------------------------------------------------------- money

CREATE TABLE daybook.lot (
    user_id            uuid           NOT NULL,
    lot_id             bigint         GENERATED ALWAYS AS IDENTITY,
    kind               text           NOT NULL,
    priority           integer        NOT NULL DEFAULT 0,
    credits            bigint         NOT NULL,
    remaining          bigint         NOT NULL,
    cost_usd           numeric(18, 6) NOT NULL,
    remaining_cost_usd numeric(18, 6) NOT NULL,
    opened_at          timestamptz    NOT NULL,
    expires_at         timestamptz,
    source             text           NOT NULL,
    CONSTRAINT lot_pkey PRIMARY KEY (user_id, lot_id),
    CONSTRAINT lot_kind_known CHECK (kind IN ('purchased', 'bonus')),
    CONSTRAINT lot_source_known CHECK (source IN ('purchase', 'grant', 'adjustment', 'wallet')),
    CONSTRAINT lot_purchased_never_expires CHECK (kind = 'bonus' OR expires_at IS NULL),
    CONSTRAINT lot_remaining_in_range CHECK (remaining BETWEEN 0 AND credits),
    CONSTRAINT lot_cost_in_range CHECK (remaining_cost_usd BETWEEN 0 AND cost_usd)
);
CREATE INDEX lot_with_credit ON daybook.lot (user_id, kind, priority, expires_at, opened_at, lot_id) WHERE remaining > 0;
COMMENT ON TABLE daybook.lot IS 'Credits bought or granted together: what is left of them, what they cost, when they expire.';

CREATE TABLE daybook.batch (
    user_id             uuid        NOT NULL,
    batch_id            uuid        NOT NULL,
    owner               text        NOT NULL,
    request_id          text,
    fingerprint         bytea,
    frozen              bigint      NOT NULL DEFAULT 0,
    spent               bigint      NOT NULL DEFAULT 0,
    refunded            bigint      NOT NULL DEFAULT 0,
    tranches            integer     NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL,
    frozen_at           timestamptz,
    cancel_requested_at timestamptz,
    flushed_at          timestamptz,
    settled_at          timestamptz,
    CONSTRAINT batch_pkey PRIMARY KEY (user_id, batch_id),
    CONSTRAINT batch_request_unique UNIQUE (user_id, request_id),
    CONSTRAINT batch_owner_known CHECK (owner IN ('app', 'engine')),
    CONSTRAINT batch_request_has_fingerprint CHECK (owner = 'app' OR request_id IS NULL OR fingerprint IS NOT NULL),
    CONSTRAINT batch_never_gives_back_more CHECK (spent >= 0 AND refunded >= 0 AND spent + refunded <= frozen),
    CONSTRAINT batch_settles_to_the_last_credit CHECK (settled_at IS NULL OR spent + refunded = frozen)
);
CREATE INDEX batch_unsettled ON daybook.batch (user_id, batch_id) WHERE settled_at IS NULL AND owner = 'engine';
COMMENT ON TABLE daybook.batch IS 'The money and the request of a batch: reserved = settled + refunded.';

CREATE TABLE daybook.draw (
    user_id           uuid           NOT NULL,
    batch_id          uuid           NOT NULL,
    draw_no           integer        NOT NULL,
    lot_id            bigint         NOT NULL,
    model             text           NOT NULL,
    credits           bigint         NOT NULL,
    cost_usd          numeric(18, 6) NOT NULL,
    returned          bigint         NOT NULL DEFAULT 0,
    returned_cost_usd numeric(18, 6) NOT NULL DEFAULT 0,
    CONSTRAINT draw_pkey PRIMARY KEY (user_id, batch_id, draw_no),
    CONSTRAINT draw_once_per_lot_and_model UNIQUE (user_id, batch_id, lot_id, model),
    CONSTRAINT draw_batch_exists FOREIGN KEY (user_id, batch_id) REFERENCES daybook.batch (user_id, batch_id),
    CONSTRAINT draw_lot_exists FOREIGN KEY (user_id, lot_id) REFERENCES daybook.lot (user_id, lot_id),
    CONSTRAINT draw_credits_positive CHECK (credits > 0),
    CONSTRAINT draw_returns_at_most_itself CHECK (returned BETWEEN 0 AND credits AND returned_cost_usd BETWEEN 0 AND cost_usd)
);
COMMENT ON TABLE daybook.draw IS 'What a freeze took from each lot for each model, in the order in which it was taken, and what came back.';

CREATE TABLE daybook.entry (
    user_id      uuid           NOT NULL,
    entry_id     bigint         NOT NULL,
    kind         text           NOT NULL,
    lot_id       bigint,
    batch_id     uuid,
    tranche      integer,
    model        text           NOT NULL DEFAULT '',
    credits      bigint         NOT NULL,
    cost_usd     numeric(18, 6) NOT NULL,
    reference    text,
    author       text,
    reason       text,
    effective_at timestamptz    NOT NULL,
    recorded_at  timestamptz    NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT entry_pkey PRIMARY KEY (user_id, entry_id),
    CONSTRAINT entry_kind_known CHECK (kind IN ('purchase', 'grant', 'adjustment', 'expiry', 'freeze', 'refund')),
    CONSTRAINT entry_adjustment_is_signed CHECK (kind <> 'adjustment' OR (author IS NOT NULL AND reason IS NOT NULL)),
    CONSTRAINT entry_lot_exists FOREIGN KEY (user_id, lot_id) REFERENCES daybook.lot (user_id, lot_id)
);
CREATE UNIQUE INDEX entry_once_per_tranche ON daybook.entry (user_id, batch_id, tranche, lot_id, model, kind)
    WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX entry_once_per_reference ON daybook.entry (user_id, kind, reference, coalesce(tranche, 0))
    WHERE reference IS NOT NULL;
COMMENT ON TABLE daybook.entry IS 'What stands behind each row that the engine wrote to public.credit_ledger: lot, batch, tranche, cost, author.';

-- The books are added to, never altered: not by a program, not by hand.
CREATE FUNCTION daybook.refuse_alteration() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'DB001', HINT = 'Correct it with an adjustment, which is an entry of its own.';
END $$;
CREATE TRIGGER daybook_append_only BEFORE UPDATE OR DELETE ON public.credit_ledger
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_alteration();
CREATE TRIGGER daybook_never_emptied BEFORE TRUNCATE ON public.credit_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration();
CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON daybook.entry
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_alteration();
CREATE TRIGGER entry_never_emptied BEFORE TRUNCATE ON daybook.entry
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration();

-- Writes one ledger row and what stands behind it; gives its id. The caller holds the wallet.
CREATE FUNCTION daybook.post(
    p_user uuid, p_kind text, p_type text, p_model text, p_credits bigint, p_cost_usd numeric, p_ref_type text, p_ref_id text,
    p_lot bigint, p_bucket text, p_batch uuid, p_tranche integer, p_author text, p_reason text, p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
    VALUES (p_user, p_type, nullif(p_model, ''), p_credits, p_ref_type, p_ref_id,
        jsonb_strip_nulls(jsonb_build_object(
            'bucket', p_bucket, 'lot_id', p_lot, 'batch_id', p_batch, 'author', p_author, 'reason', p_reason,
            'tranche', CASE WHEN p_batch IS NOT NULL THEN p_tranche END,
            CASE WHEN p_kind = 'purchase' THEN 'usd' ELSE 'cost_usd' END, p_cost_usd)),
        p_at)
    RETURNING id INTO v_id;
    INSERT INTO daybook.entry (
        user_id, entry_id, kind, lot_id, batch_id, tranche, model, credits, cost_usd, reference, author, reason, effective_at)
    VALUES (p_user, v_id, p_kind, p_lot, p_batch, p_tranche, coalesce(p_model, ''), p_credits, p_cost_usd,
        CASE WHEN p_kind IN ('purchase', 'grant', 'adjustment') THEN p_ref_id END, p_author, p_reason, p_at);
    RETURN v_id;
END $$;

-- The part of a cost that goes with d of m credits, in whole millionths of a dollar, rounded down.
CREATE FUNCTION daybook.cost_share(p_cost_usd numeric, p_part bigint, p_whole bigint) RETURNS numeric LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN p_whole = 0 THEN 0 ELSE div(p_cost_usd * 1000000 * p_part, p_whole::numeric) / 1000000 END
$$;

-- Makes the wallet say what the lots say. The caller holds the wallet.
CREATE FUNCTION daybook.write_wallet(p_user uuid, p_at timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('daybook.wallet_writer', 'engine', true);
    UPDATE public.credit_wallet AS w
    SET permanent_credits = s.purchased, bonus_credits = s.bonus, bonus_expires_at = s.expires_at, updated_at = p_at
    FROM (
        SELECT coalesce(sum(remaining) FILTER (WHERE kind = 'purchased'), 0) AS purchased,
            coalesce(sum(remaining) FILTER (WHERE kind = 'bonus'), 0) AS bonus,
            min(expires_at) FILTER (WHERE kind = 'bonus' AND remaining > 0) AS expires_at
        FROM daybook.lot
        WHERE user_id = p_user
    ) AS s
    WHERE w.user_id = p_user;
    PERFORM set_config('daybook.wallet_writer', '', true);
END $$;

-- Takes the wallet's lock, takes out the credit that has expired, and gives the instant at which everything under the lock happens.
CREATE FUNCTION daybook.hold_wallet(p_user uuid) RETURNS timestamptz LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz;
    v_lot daybook.lot;
    v_changed boolean := false;
BEGIN
    PERFORM FROM public.credit_wallet WHERE user_id = p_user FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO public.credit_wallet (user_id) VALUES (p_user) ON CONFLICT (user_id) DO NOTHING;
        PERFORM FROM public.credit_wallet WHERE user_id = p_user FOR UPDATE;
    END IF;
    -- After the lock: whoever had it before wrote earlier instants.
    v_now := daybook.clock();
    FOR v_lot IN
        SELECT * FROM daybook.lot
        WHERE user_id = p_user AND kind = 'bonus' AND remaining > 0 AND expires_at <= v_now
        ORDER BY priority, expires_at, opened_at, lot_id
    LOOP
        UPDATE daybook.lot SET remaining = 0, remaining_cost_usd = 0 WHERE user_id = p_user AND lot_id = v_lot.lot_id;
        PERFORM daybook.post(p_user, 'expiry', 'adjust', NULL, -v_lot.remaining, v_lot.remaining_cost_usd, 'bonus_expiry',
            v_lot.lot_id::text, v_lot.lot_id, 'bonus', NULL, NULL, NULL, NULL, v_now);
        v_changed := true;
    END LOOP;
    IF v_changed THEN PERFORM daybook.write_wallet(p_user, v_now); END IF;
    RETURN v_now;
END $$;

-- Opens a lot and books it: a purchase, a grant, or an adjustment upwards. Gives the lot.
CREATE FUNCTION daybook.open_lot(
    p_user uuid, p_kind text, p_credits bigint, p_cost_usd numeric, p_expires_at timestamptz, p_source text, p_ref_type text,
    p_ref_id text, p_author text, p_reason text
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_lot bigint;
    v_entry_kind text := CASE p_source WHEN 'purchase' THEN 'purchase' WHEN 'grant' THEN 'grant' ELSE 'adjustment' END;
BEGIN
    IF p_credits <= 0 THEN
        RAISE EXCEPTION 'A lot holds at least one credit, not %', p_credits USING ERRCODE = 'DB400';
    END IF;
    IF p_expires_at <= v_now THEN
        RAISE EXCEPTION 'The credit would have expired already, at %', p_expires_at USING ERRCODE = 'DB400';
    END IF;
    INSERT INTO daybook.lot (
        user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, expires_at, source)
    VALUES (p_user, p_kind, p_credits, p_credits, p_cost_usd, p_cost_usd, v_now, p_expires_at, p_source)
    RETURNING lot_id INTO v_lot;
    PERFORM daybook.post(p_user, v_entry_kind,
        CASE p_source WHEN 'purchase' THEN 'purchase' WHEN 'grant' THEN 'bonus_grant' ELSE 'adjust' END,
        NULL, p_credits, p_cost_usd, p_ref_type, p_ref_id, v_lot, CASE p_kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END,
        NULL, NULL, p_author, p_reason, v_now);
    PERFORM daybook.write_wallet(p_user, v_now);
    RETURN v_lot;
END $$;

-- Takes credits out of the lots in their order, without a batch: an adjustment downwards.
CREATE FUNCTION daybook.take_out(p_user uuid, p_credits bigint, p_ref_id text, p_author text, p_reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_lot daybook.lot;
    v_left bigint := p_credits;
    v_take bigint;
    v_cost numeric;
    v_part integer := 0;
BEGIN
    FOR v_lot IN
        SELECT * FROM daybook.lot
        WHERE user_id = p_user AND remaining > 0
        ORDER BY kind = 'purchased', priority, expires_at, opened_at, lot_id
    LOOP
        EXIT WHEN v_left = 0;
        v_take := least(v_left, v_lot.remaining);
        v_cost := daybook.cost_share(v_lot.remaining_cost_usd, v_take, v_lot.remaining);
        UPDATE daybook.lot SET remaining = remaining - v_take, remaining_cost_usd = remaining_cost_usd - v_cost
        WHERE user_id = p_user AND lot_id = v_lot.lot_id;
        PERFORM daybook.post(p_user, 'adjustment', 'adjust', NULL, -v_take, v_cost, 'adjustment', p_ref_id, v_lot.lot_id,
            CASE v_lot.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END, NULL, v_part, p_author, p_reason, v_now);
        v_part := v_part + 1;
        v_left := v_left - v_take;
    END LOOP;
    IF v_left > 0 THEN
        RAISE EXCEPTION 'The wallet holds % credits, not %', p_credits - v_left, p_credits USING ERRCODE = 'DB402';
    END IF;
    PERFORM daybook.write_wallet(p_user, v_now);
END $$;

-- A change of the wallet by somebody else becomes a lot, or a draw from the lots in their order.
CREATE FUNCTION daybook.mirror_wallet() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_kind text;
    v_wallet bigint;
    v_difference bigint;
    v_lot daybook.lot;
    v_take bigint;
    v_cost numeric;
BEGIN
    FOREACH v_kind IN ARRAY ARRAY['purchased', 'bonus'] LOOP
        v_wallet := CASE v_kind WHEN 'purchased' THEN NEW.permanent_credits ELSE NEW.bonus_credits END;
        SELECT v_wallet - coalesce(sum(remaining), 0) INTO v_difference
        FROM daybook.lot WHERE user_id = NEW.user_id AND kind = v_kind;
        IF v_difference > 0 THEN
            INSERT INTO daybook.lot (
                user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, expires_at, source)
            VALUES (NEW.user_id, v_kind, v_difference, v_difference, 0, 0, daybook.clock(),
                CASE v_kind WHEN 'bonus' THEN NEW.bonus_expires_at END, 'wallet');
        END IF;
        FOR v_lot IN
            SELECT * FROM daybook.lot
            WHERE user_id = NEW.user_id AND kind = v_kind AND remaining > 0 AND v_difference < 0
            ORDER BY priority, expires_at, opened_at, lot_id
        LOOP
            EXIT WHEN v_difference = 0;
            v_take := least(-v_difference, v_lot.remaining);
            v_cost := daybook.cost_share(v_lot.remaining_cost_usd, v_take, v_lot.remaining);
            UPDATE daybook.lot SET remaining = remaining - v_take, remaining_cost_usd = remaining_cost_usd - v_cost
            WHERE user_id = NEW.user_id AND lot_id = v_lot.lot_id;
            v_difference := v_difference + v_take;
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER daybook_mirror_wallet AFTER INSERT OR UPDATE OF permanent_credits, bonus_credits ON public.credit_wallet
    FOR EACH ROW WHEN (current_setting('daybook.wallet_writer', true) IS DISTINCT FROM 'engine')
    EXECUTE FUNCTION daybook.mirror_wallet();

-- What the wallets hold today becomes their first lots.
INSERT INTO daybook.lot (user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, expires_at, source)
SELECT user_id, 'purchased', permanent_credits, permanent_credits, 0, 0, daybook.clock(), NULL, 'wallet'
FROM public.credit_wallet WHERE permanent_credits > 0
UNION ALL
SELECT user_id, 'bonus', bonus_credits, bonus_credits, 0, 0, daybook.clock(), bonus_expires_at, 'wallet'
FROM public.credit_wallet WHERE bonus_credits > 0;

-- Freezes a batch: one spend row a lot and model, all or nothing. The caller holds the batch. Raises DB402 where credit is missing.
CREATE FUNCTION daybook.freeze(p_user uuid, p_batch uuid, p_models text[], p_credits bigint[]) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_lot daybook.lot;
    v_need record;
    v_left bigint;
    v_take bigint;
    v_cost numeric;
    v_draw integer := 0;
BEGIN
    FOR v_need IN
        SELECT model, credits, model NOT IN ('', 'veo-pro') AS takes_bonus
        FROM unnest(p_models, p_credits) AS n (model, credits)
        ORDER BY model COLLATE "C"
    LOOP
        v_left := v_need.credits;
        FOR v_lot IN
            SELECT * FROM daybook.lot
            WHERE user_id = p_user AND remaining > 0 AND (kind = 'purchased' OR v_need.takes_bonus)
            ORDER BY kind = 'purchased', priority, expires_at, opened_at, lot_id
        LOOP
            EXIT WHEN v_left = 0;
            v_take := least(v_left, v_lot.remaining);
            v_cost := daybook.cost_share(v_lot.remaining_cost_usd, v_take, v_lot.remaining);
            UPDATE daybook.lot SET remaining = remaining - v_take, remaining_cost_usd = remaining_cost_usd - v_cost
            WHERE user_id = p_user AND lot_id = v_lot.lot_id;
            v_draw := v_draw + 1;
            INSERT INTO daybook.draw (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
            VALUES (p_user, p_batch, v_draw, v_lot.lot_id, v_need.model, v_take, v_cost);
            PERFORM daybook.post(p_user, 'freeze', 'spend', v_need.model, -v_take, v_cost, 'batch_upfront', p_batch::text,
                v_lot.lot_id, CASE v_lot.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END, p_batch, 0, NULL, NULL, v_now);
            v_left := v_left - v_take;
        END LOOP;
        IF v_left > 0 THEN
            RAISE EXCEPTION 'insufficient credits'
                USING ERRCODE = 'DB402', DETAIL = (SELECT sum(c) FROM unnest(p_credits) AS c)::text;
        END IF;
    END LOOP;
    UPDATE daybook.batch
    SET frozen = (SELECT coalesce(sum(c), 0) FROM unnest(p_credits) AS c), frozen_at = v_now, flushed_at = v_now
    WHERE user_id = p_user AND batch_id = p_batch;
    UPDATE public.batch_jobs SET frozen_credits = (SELECT coalesce(sum(c), 0) FROM unnest(p_credits) AS c), updated_at = v_now
    WHERE user_id = p_user AND id = p_batch;
    PERFORM daybook.write_wallet(p_user, v_now);
    RETURN v_now;
END $$;

-- Gives credits of a batch back to the lots they came from, the last that was taken first, as one tranche. The caller holds the
-- batch. A model of NULL takes the draws of every model. Credit whose lot has expired meanwhile goes out again at once.
CREATE FUNCTION daybook.give_back(p_user uuid, p_batch uuid, p_models text[], p_credits bigint[]) RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_part record;
    v_draw record;
    v_left bigint;
    v_back bigint;
    v_cost numeric;
    v_bucket text;
    v_tranche integer;
    v_total bigint;
BEGIN
    SELECT coalesce(sum(c), 0) INTO v_total FROM unnest(p_credits) AS c;
    IF v_total = 0 THEN RETURN v_now; END IF;
    UPDATE daybook.batch SET tranches = tranches + 1, refunded = refunded + v_total
    WHERE user_id = p_user AND batch_id = p_batch
    RETURNING tranches INTO v_tranche;
    FOR v_part IN
        SELECT model, credits FROM unnest(p_models, p_credits) AS n (model, credits) WHERE credits > 0 ORDER BY model COLLATE "C"
    LOOP
        v_left := v_part.credits;
        FOR v_draw IN
            SELECT d.draw_no, d.lot_id, d.model, d.credits - d.returned AS kept, d.cost_usd - d.returned_cost_usd AS kept_cost,
                l.kind, l.expires_at <= v_now AS is_expired
            FROM daybook.draw AS d
            JOIN daybook.lot AS l ON l.user_id = d.user_id AND l.lot_id = d.lot_id
            WHERE d.user_id = p_user AND d.batch_id = p_batch AND d.credits > d.returned
                AND (v_part.model IS NULL OR d.model = v_part.model)
            ORDER BY d.draw_no DESC
        LOOP
            EXIT WHEN v_left = 0;
            v_back := least(v_left, v_draw.kept);
            v_cost := v_draw.kept_cost - daybook.cost_share(v_draw.kept_cost, v_draw.kept - v_back, v_draw.kept);
            v_bucket := CASE v_draw.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END;
            UPDATE daybook.draw SET returned = returned + v_back, returned_cost_usd = returned_cost_usd + v_cost
            WHERE user_id = p_user AND batch_id = p_batch AND draw_no = v_draw.draw_no;
            PERFORM daybook.post(p_user, 'refund', 'refund', v_draw.model, v_back, v_cost, 'batch_refund', p_batch::text,
                v_draw.lot_id, v_bucket, p_batch, v_tranche, NULL, NULL, v_now);
            IF v_draw.is_expired THEN
                PERFORM daybook.post(p_user, 'expiry', 'adjust', v_draw.model, -v_back, v_cost, 'bonus_expiry',
                    v_draw.lot_id::text, v_draw.lot_id, v_bucket, p_batch, v_tranche, NULL, NULL, v_now);
            ELSE
                UPDATE daybook.lot SET remaining = remaining + v_back, remaining_cost_usd = remaining_cost_usd + v_cost
                WHERE user_id = p_user AND lot_id = v_draw.lot_id;
            END IF;
            v_left := v_left - v_back;
        END LOOP;
        IF v_left > 0 THEN
            RAISE EXCEPTION 'batch % would give back more than it froze', p_batch USING ERRCODE = 'DB500';
        END IF;
    END LOOP;
    PERFORM daybook.write_wallet(p_user, v_now);
    RETURN v_now;
END $$;
