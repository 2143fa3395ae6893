-- Credit leaves the lots at one place: a freeze, an adjustment downwards and the mirror of what another hand took from a
-- wallet draw by the same function, and each books what came of it in its own way. No row is rewritten.

-- Draws credits from a customer's open lots of these kinds, and gives what it took of which lot, in the order in which
-- it took: bonus before purchased, then by priority, the soonest expiry first, then the oldest. A draw costs its share
-- of what its lot is worth by then. Where the lots hold less it takes all of it, and the caller says what that means.
-- The caller holds the wallet. A lot that has expired is open until daybook.hold_wallet takes it out: the mirror of the
-- wallet, which still counts such credit, draws on it like on any other.
CREATE FUNCTION daybook.draw_credits(p_user uuid, p_credits bigint, p_kinds text[])
RETURNS TABLE (lot_id bigint, kind text, credits bigint, cost_usd numeric) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_lot daybook.lot;
    v_left bigint := p_credits;
    v_take bigint;
    v_cost numeric;
BEGIN
    FOR v_lot IN
        SELECT l.* FROM daybook.lot AS l
        WHERE l.user_id = p_user AND l.kind = ANY (p_kinds) AND l.remaining > 0
        ORDER BY l.kind = 'purchased', l.priority, l.expires_at, l.opened_at, l.lot_id
    LOOP
        EXIT WHEN v_left = 0;
        v_take := least(v_left, v_lot.remaining);
        v_cost := daybook.cost_share(v_lot.remaining_cost_usd, v_take, v_lot.remaining);
        UPDATE daybook.lot AS l
        SET remaining = l.remaining - v_take, remaining_cost_usd = l.remaining_cost_usd - v_cost
        WHERE l.user_id = p_user AND l.lot_id = v_lot.lot_id;
        v_left := v_left - v_take;
        RETURN QUERY SELECT v_lot.lot_id, v_lot.kind, v_take, v_cost;
    END LOOP;
END $$;

-- Freezes a batch: one spend row a lot and model, all or nothing. Bonus pays for everything but veo-pro. The caller
-- holds the batch. Raises DB402 where credit is missing.
CREATE OR REPLACE FUNCTION daybook.freeze(p_user uuid, p_batch uuid, p_models text[], p_credits bigint[])
RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_need record;
    v_draw record;
    v_left bigint;
    v_number integer := 0;
BEGIN
    FOR v_need IN
        SELECT model, credits,
            CASE WHEN model <> 'veo-pro' THEN ARRAY['bonus', 'purchased'] ELSE ARRAY['purchased'] END AS kinds
        FROM unnest(p_models, p_credits) AS n (model, credits)
        WHERE credits > 0
        ORDER BY model COLLATE "C"
    LOOP
        v_left := v_need.credits;
        FOR v_draw IN SELECT * FROM daybook.draw_credits(p_user, v_need.credits, v_need.kinds) LOOP
            v_number := v_number + 1;
            INSERT INTO daybook.draw (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
            VALUES (p_user, p_batch, v_number, v_draw.lot_id, v_need.model, v_draw.credits, v_draw.cost_usd);
            PERFORM daybook.post(p_user, 'freeze', 'spend', v_need.model, -v_draw.credits, v_draw.cost_usd,
                'batch_upfront', p_batch::text, v_draw.lot_id,
                CASE v_draw.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END, p_batch, 0, NULL, NULL, v_now);
            v_left := v_left - v_draw.credits;
        END LOOP;
        IF v_left > 0 THEN
            RAISE EXCEPTION 'insufficient credits'
                USING ERRCODE = 'DB402', DETAIL = (SELECT sum(c) FROM unnest(p_credits) AS c)::text;
        END IF;
    END LOOP;
    UPDATE daybook.batch
    SET frozen = (SELECT coalesce(sum(c), 0) FROM unnest(p_credits) AS c), frozen_at = v_now, flushed_at = v_now
    WHERE user_id = p_user AND batch_id = p_batch;
    UPDATE public.batch_jobs
    SET frozen_credits = (SELECT coalesce(sum(c), 0) FROM unnest(p_credits) AS c), updated_at = v_now
    WHERE user_id = p_user AND id = p_batch;
    PERFORM daybook.write_wallet(p_user, v_now);
    RETURN v_now;
END $$;

-- Takes credits out of the lots in their order, without a batch: an adjustment downwards.
CREATE OR REPLACE FUNCTION daybook.take_out(
    p_user uuid, p_credits bigint, p_ref_id text, p_author text, p_reason text
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.hold_wallet(p_user);
    v_draw record;
    v_left bigint := p_credits;
    v_part integer := 0;
BEGIN
    FOR v_draw IN SELECT * FROM daybook.draw_credits(p_user, p_credits, ARRAY['bonus', 'purchased']) LOOP
        PERFORM daybook.post(p_user, 'adjustment', 'adjust', NULL, -v_draw.credits, v_draw.cost_usd, 'adjustment',
            p_ref_id, v_draw.lot_id, CASE v_draw.kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END, NULL, v_part,
            p_author, p_reason, v_now);
        v_part := v_part + 1;
        v_left := v_left - v_draw.credits;
    END LOOP;
    IF v_left > 0 THEN
        RAISE EXCEPTION 'The wallet holds % credits, not %', p_credits - v_left, p_credits USING ERRCODE = 'DB402';
    END IF;
    PERFORM daybook.write_wallet(p_user, v_now);
END $$;

-- A change of the wallet by somebody else becomes a lot, or a draw from the lots in their order. What the engine writes
-- there is what the lots say already, so that nothing is left to do. The wallet has one expiry for all of its bonus:
-- where another hand changes it, every lot follows that holds bonus, or has lent it to a batch that may give it back.
CREATE OR REPLACE FUNCTION daybook.mirror_wallet() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_kind text;
    v_purchased bigint;
    v_bonus bigint;
    v_difference bigint;
    v_seen bigint;
    v_draw record;
    v_now timestamptz;
BEGIN
    IF coalesce(pg_partition_root(TG_RELID), TG_RELID) <> 'public.credit_wallet'::regclass
        OR TG_WHEN <> 'AFTER' OR TG_LEVEL <> 'ROW' OR TG_OP NOT IN ('INSERT', 'UPDATE')
    THEN
        RAISE EXCEPTION 'daybook.mirror_wallet works after a row of public.credit_wallet was written, nowhere else'
            USING ERRCODE = 'DB001';
    END IF;
    -- Before the credits: a grant that extends moves what was there, and its own lot gets the same expiry. The expiry
    -- of a wallet without bonus says nothing.
    IF NEW.bonus_credits > 0
        AND (TG_OP = 'INSERT' OR OLD.user_id <> NEW.user_id
            OR OLD.bonus_expires_at IS DISTINCT FROM NEW.bonus_expires_at)
        AND NEW.bonus_expires_at IS DISTINCT FROM daybook.latest_expiry(NEW.user_id)
    THEN
        v_now := daybook.clock();
        UPDATE daybook.lot AS l SET expires_at = NEW.bonus_expires_at
        WHERE l.user_id = NEW.user_id AND l.kind = 'bonus' AND l.expires_at IS DISTINCT FROM NEW.bonus_expires_at
            AND (l.remaining > 0 OR coalesce(l.expires_at > v_now, true) AND l.lot_id IN (
                SELECT d.lot_id FROM daybook.batch AS b
                JOIN daybook.draw AS d ON d.user_id = b.user_id AND d.batch_id = b.batch_id
                WHERE b.user_id = NEW.user_id AND b.settled_at IS NULL AND d.credits > d.returned));
    END IF;
    SELECT NEW.permanent_credits - coalesce(sum(remaining) FILTER (WHERE kind = 'purchased'), 0),
        NEW.bonus_credits - coalesce(sum(remaining) FILTER (WHERE kind = 'bonus'), 0)
    INTO v_purchased, v_bonus
    FROM daybook.lot WHERE user_id = NEW.user_id AND remaining > 0;
    IF v_purchased = 0 AND v_bonus = 0 THEN RETURN NULL; END IF;
    FOREACH v_kind IN ARRAY ARRAY['purchased', 'bonus'] LOOP
        v_difference := CASE v_kind WHEN 'purchased' THEN v_purchased ELSE v_bonus END;
        IF v_difference > 0 THEN
            INSERT INTO daybook.lot (
                user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, expires_at, source)
            VALUES (NEW.user_id, v_kind, v_difference, v_difference, 0, 0, daybook.clock(),
                CASE v_kind WHEN 'bonus' THEN NEW.bonus_expires_at END, 'wallet');
        END IF;
        CONTINUE WHEN v_difference >= 0;
        -- What this very statement took; lots may have been behind the wallet for another reason.
        v_seen := CASE WHEN TG_OP <> 'UPDATE' OR OLD.user_id <> NEW.user_id THEN 0
            WHEN v_kind = 'purchased' THEN greatest(OLD.permanent_credits - NEW.permanent_credits, 0)
            ELSE greatest(OLD.bonus_credits - NEW.bonus_credits, 0) END;
        FOR v_draw IN SELECT * FROM daybook.draw_credits(NEW.user_id, -v_difference, ARRAY[v_kind]) LOOP
            CONTINUE WHEN v_seen = 0;
            INSERT INTO daybook.withdrawal (user_id, lot_id, credits, cost_usd)
            VALUES (NEW.user_id, v_draw.lot_id, least(v_draw.credits, v_seen),
                daybook.cost_share(v_draw.cost_usd, least(v_draw.credits, v_seen), v_draw.credits));
            v_seen := v_seen - least(v_draw.credits, v_seen);
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION daybook.draw_credits, daybook.freeze, daybook.take_out, daybook.mirror_wallet FROM PUBLIC;
