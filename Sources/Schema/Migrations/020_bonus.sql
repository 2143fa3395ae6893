-- The wallet has one expiry for all of its bonus, and the application lives by it: what stands there is the latest of
-- the lots, so that nobody hides credit that lives, and a change of it by another hand moves the lots.

-- The latest expiry of the bonus that a customer holds; NULL where some of it never expires, or where there is none.
CREATE FUNCTION daybook.latest_expiry(p_user uuid) RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN bool_and(expires_at IS NOT NULL) THEN max(expires_at) END
    FROM daybook.lot WHERE user_id = p_user AND kind = 'bonus' AND remaining > 0
$$;

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
    v_lot daybook.lot;
    v_take bigint;
    v_cost numeric;
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
        FOR v_lot IN
            SELECT * FROM daybook.lot
            WHERE user_id = NEW.user_id AND kind = v_kind AND remaining > 0
            ORDER BY priority, expires_at, opened_at, lot_id
        LOOP
            EXIT WHEN v_difference = 0;
            v_take := least(-v_difference, v_lot.remaining);
            v_cost := daybook.cost_share(v_lot.remaining_cost_usd, v_take, v_lot.remaining);
            UPDATE daybook.lot SET remaining = remaining - v_take, remaining_cost_usd = remaining_cost_usd - v_cost
            WHERE user_id = NEW.user_id AND lot_id = v_lot.lot_id;
            v_difference := v_difference + v_take;
            IF v_seen > 0 THEN
                v_cost := daybook.cost_share(v_cost, least(v_take, v_seen), v_take);
                INSERT INTO daybook.withdrawal (user_id, lot_id, credits, cost_usd)
                VALUES (NEW.user_id, v_lot.lot_id, least(v_take, v_seen), v_cost);
                v_seen := v_seen - least(v_take, v_seen);
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;

-- Makes the wallet say what the lots say. The caller holds the wallet, out of which went what had expired.
CREATE OR REPLACE FUNCTION daybook.write_wallet(p_user uuid, p_at timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.credit_wallet AS w
    SET permanent_credits = s.purchased, bonus_credits = s.bonus, bonus_expires_at = daybook.latest_expiry(p_user),
        updated_at = p_at
    FROM (
        SELECT coalesce(sum(remaining) FILTER (WHERE kind = 'purchased'), 0) AS purchased,
            coalesce(sum(remaining) FILTER (WHERE kind = 'bonus'), 0) AS bonus
        FROM daybook.lot
        WHERE user_id = p_user AND remaining > 0
    ) AS s
    WHERE w.user_id = p_user;
END $$;

LOCK TABLE public.credit_wallet IN EXCLUSIVE MODE;
CREATE OR REPLACE TRIGGER daybook_mirror_wallet
    AFTER INSERT OR UPDATE OF permanent_credits, bonus_credits, bonus_expires_at ON public.credit_wallet
    FOR EACH ROW EXECUTE FUNCTION daybook.mirror_wallet();

-- Until now the engine wrote the soonest expiry: another one is another hand's, and was not followed.
UPDATE daybook.lot AS l SET expires_at = w.bonus_expires_at
FROM public.credit_wallet AS w
JOIN (
    SELECT user_id, min(expires_at) AS soonest FROM daybook.lot WHERE kind = 'bonus' AND remaining > 0 GROUP BY user_id
) AS o ON o.user_id = w.user_id
WHERE l.user_id = w.user_id AND l.kind = 'bonus' AND l.remaining > 0 AND w.bonus_credits > 0
    AND w.bonus_expires_at IS DISTINCT FROM o.soonest;
UPDATE public.credit_wallet AS w SET bonus_expires_at = daybook.latest_expiry(w.user_id)
WHERE w.bonus_credits > 0 AND w.bonus_expires_at IS DISTINCT FROM daybook.latest_expiry(w.user_id)
    AND EXISTS (SELECT FROM daybook.lot AS l WHERE l.user_id = w.user_id AND l.kind = 'bonus' AND l.remaining > 0);

REVOKE ALL ON FUNCTION daybook.latest_expiry, daybook.mirror_wallet, daybook.write_wallet FROM PUBLIC;
