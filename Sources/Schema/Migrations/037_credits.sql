-- A credit's way through the engine, in one file: it comes in, is frozen for a batch, and is spent or comes back.
-- Nothing changes: every function stands as its last definition left it, in the order in which a credit meets them, and
-- no row is touched. The tables are those of migration 3; migration 8 makes a batch and its tasks, create_batch.

-- ---------------------------------------------------------------- the wallet, and a row of the ledger

-- Takes the wallet's lock, takes out the credit that has expired, and gives the instant at which everything under the
-- lock happens.
CREATE OR REPLACE FUNCTION daybook.hold_wallet(p_user uuid) RETURNS timestamptz LANGUAGE plpgsql
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
        UPDATE daybook.lot SET remaining = 0, remaining_cost_usd = 0
        WHERE user_id = p_user AND lot_id = v_lot.lot_id;
        PERFORM daybook.post(p_user, 'expiry', 'adjust', NULL, -v_lot.remaining, v_lot.remaining_cost_usd,
            'bonus_expiry', v_lot.lot_id::text, v_lot.lot_id, 'bonus', NULL, NULL, NULL, NULL, v_now);
        v_changed := true;
    END LOOP;
    IF v_changed THEN PERFORM daybook.write_wallet(p_user, v_now); END IF;
    RETURN v_now;
END $$;

-- Writes one ledger row and what stands behind it; gives its id. The caller holds the wallet. A model that the ledger's
-- own CHECK does not know is kept in meta.
CREATE OR REPLACE FUNCTION daybook.post(
    p_user uuid, p_kind text, p_type text, p_model text, p_credits bigint, p_cost_usd numeric, p_ref_type text,
    p_ref_id text, p_lot bigint, p_bucket text, p_batch uuid, p_tranche integer, p_author text, p_reason text,
    p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint;
    v_is_known boolean := coalesce(p_model, '') IN ('', 'sora-2', 'veo-flash', 'veo-pro');
BEGIN
    INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, meta, created_at)
    VALUES (p_user, p_type, CASE WHEN v_is_known THEN nullif(p_model, '') END, p_credits, p_ref_type, p_ref_id,
        jsonb_strip_nulls(jsonb_build_object(
            'bucket', p_bucket, 'lot_id', p_lot, 'batch_id', p_batch, 'author', p_author, 'reason', p_reason,
            'tranche', CASE WHEN p_batch IS NOT NULL THEN p_tranche END,
            'model', CASE WHEN NOT v_is_known THEN p_model END,
            CASE WHEN p_kind = 'purchase' THEN 'usd' ELSE 'cost_usd' END, p_cost_usd)),
        p_at)
    RETURNING id INTO v_id;
    INSERT INTO daybook.entry (
        user_id, entry_id, kind, lot_id, batch_id, tranche, model, credits, cost_usd, reference, author, reason,
        effective_at)
    VALUES (p_user, v_id, p_kind, p_lot, p_batch, p_tranche, coalesce(p_model, ''), p_credits, p_cost_usd,
        CASE WHEN p_kind IN ('purchase', 'grant', 'adjustment') THEN p_ref_id END, p_author, p_reason, p_at);
    RETURN v_id;
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

-- ---------------------------------------------------------------- in

-- Opens a lot and books it: a purchase, a grant, or an adjustment upwards. Gives the lot.
CREATE OR REPLACE FUNCTION daybook.open_lot(
    p_user uuid, p_kind text, p_credits bigint, p_cost_usd numeric, p_expires_at timestamptz, p_source text,
    p_ref_type text, p_ref_id text, p_author text, p_reason text
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
        NULL, p_credits, p_cost_usd, p_ref_type, p_ref_id, v_lot,
        CASE p_kind WHEN 'bonus' THEN 'bonus' ELSE 'permanent' END,
        NULL, NULL, p_author, p_reason, v_now);
    PERFORM daybook.write_wallet(p_user, v_now);
    RETURN v_lot;
END $$;

-- ---------------------------------------------------------------- frozen

-- The part of a cost that goes with d of m credits, in whole millionths of a dollar, rounded down.
CREATE OR REPLACE FUNCTION daybook.cost_share(p_cost_usd numeric, p_part bigint, p_whole bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN p_whole = 0 THEN 0 ELSE div(p_cost_usd * 1000000 * p_part, p_whole::numeric) / 1000000 END
$$;

-- Draws credits from a customer's open lots of these kinds, and gives what it took of which lot, in the order in which
-- it took: bonus before purchased, then by priority, the soonest expiry first, then the oldest. A draw costs its share
-- of what its lot is worth by then. Where the lots hold less it takes all of it, and the caller says what that means.
-- The caller holds the wallet. A lot that has expired is open until daybook.hold_wallet takes it out: the mirror of the
-- wallet, which still counts such credit, draws on it like on any other.
CREATE OR REPLACE FUNCTION daybook.draw_credits(p_user uuid, p_credits bigint, p_kinds text[])
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

-- ---------------------------------------------------------------- back, or spent

-- Ends tasks of one batch: only those that are still in one of the states named. Then settles the batch if they were
-- its last. Gives the tasks that ended by this call.
CREATE OR REPLACE FUNCTION daybook.end_tasks(
    p_user uuid, p_batch uuid, p_tasks uuid[], p_from text[], p_states text[], p_failure_reasons text[],
    p_failure_types text[], p_errors text[], p_urls text[]
) RETURNS SETOF uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_ended uuid[];
BEGIN
    -- In one order, so that two who end the same tasks wait for each other and not in a circle.
    PERFORM FROM daybook.task
    WHERE user_id = p_user AND batch_id = p_batch AND task_id = ANY (p_tasks) AND state = ANY (p_from)
    ORDER BY task_id
    FOR NO KEY UPDATE;
    WITH ended AS (
        UPDATE daybook.task AS t
        SET state = e.state, ended_at = v_now, worker_id = NULL
        FROM unnest(p_tasks, p_states) AS e (task_id, state)
        WHERE t.user_id = p_user AND t.batch_id = p_batch AND t.task_id = e.task_id AND t.state = ANY (p_from)
        RETURNING t.task_id
    )
    SELECT array_agg(task_id) INTO v_ended FROM ended;
    IF v_ended IS NULL THEN RETURN; END IF;
    UPDATE public.video_tasks AS v
    SET status = CASE e.state WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END,
        progress = CASE e.state WHEN 'succeeded' THEN 100 ELSE v.progress END,
        failure_reason = e.failure_reason, failure_type = e.failure_type, error_message = e.error,
        video_url = e.url, grsai_task_id = t.provider_task_id, attempts = t.attempts, updated_at = v_now,
        completed_at = v_now
    FROM unnest(p_tasks, p_states, p_failure_reasons, p_failure_types, p_errors, p_urls)
        AS e (task_id, state, failure_reason, failure_type, error, url)
    JOIN unnest(v_ended) AS n (task_id) ON n.task_id = e.task_id
    JOIN daybook.task AS t ON t.user_id = p_user AND t.task_id = e.task_id
    WHERE v.user_id = p_user AND v.id = e.task_id;
    UPDATE daybook.task_fact AS f
    SET terminal_at = v_now, cancelled_at = CASE WHEN t.state = 'cancelled' THEN v_now END
    FROM daybook.task AS t
    WHERE f.user_id = p_user AND f.task_id = ANY (v_ended) AND t.user_id = p_user AND t.task_id = f.task_id;
    UPDATE daybook.submission SET outcome = 'abandoned', answered_at = coalesce(answered_at, v_now)
    WHERE user_id = p_user AND task_id = ANY (v_ended) AND outcome IN ('intent', 'unknown');
    PERFORM daybook.record_access(p_user, g.videos, NULL, 'generate', 'internal')
    FROM (
        SELECT array_agg(task_id ORDER BY task_id) AS videos FROM daybook.task
        WHERE user_id = p_user AND task_id = ANY (v_ended) AND state = 'succeeded'
    ) AS g
    WHERE g.videos IS NOT NULL;
    PERFORM daybook.settle(p_user, p_batch);
    RETURN QUERY SELECT unnest(v_ended);
END $$;

-- Closes an engine-owned batch once no task is open: refunds the rest, counts from the tasks, and says so where
-- customers look. Gives true if this call settled it.
CREATE OR REPLACE FUNCTION daybook.settle(p_user uuid, p_batch uuid) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_now timestamptz;
    v_spent bigint;
    v_succeeded integer;
    v_failed integer;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    IF NOT FOUND OR v_batch.owner <> 'engine' OR v_batch.settled_at IS NOT NULL THEN RETURN false; END IF;
    -- Under the lock, and in a statement of its own: it sees what everybody before us committed.
    IF EXISTS (
        SELECT FROM daybook.task
        WHERE user_id = p_user AND batch_id = p_batch AND state IN ('ready', 'intent', 'unknown', 'accepted')
    ) THEN
        RETURN false;
    END IF;
    PERFORM daybook.refund_failures(p_user, p_batch);
    SELECT coalesce(sum(cost) FILTER (WHERE state = 'succeeded'), 0), count(*) FILTER (WHERE state = 'succeeded'),
        count(*) FILTER (WHERE state <> 'succeeded')
    INTO v_spent, v_succeeded, v_failed
    FROM daybook.task WHERE user_id = p_user AND batch_id = p_batch;
    v_now := daybook.clock();
    UPDATE daybook.batch SET spent = v_spent, settled_at = v_now WHERE user_id = p_user AND batch_id = p_batch;
    UPDATE public.batch_jobs
    SET status = CASE WHEN v_failed = 0 THEN 'completed' WHEN v_succeeded = 0 THEN 'failed' ELSE 'partial' END,
        success_count = v_succeeded, failed_count = v_failed, credits_spent = v_spent,
        settlement_status = CASE WHEN v_succeeded = 0 THEN 'refunded' ELSE 'finalized' END,
        updated_at = v_now, completed_at = v_now
    WHERE user_id = p_user AND id = p_batch;
    RETURN true;
END $$;

-- Gives failures back while their batch still runs, at least every p_age; settles a batch that nothing keeps open. One
-- batch a call; gives false once there is none.
CREATE OR REPLACE FUNCTION daybook.flush(p_age interval) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch
    WHERE settled_at IS NULL AND owner = 'engine' AND flushed_at <= daybook.clock() - p_age
    ORDER BY flushed_at, user_id, batch_id LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN RETURN false; END IF;
    UPDATE daybook.batch SET flushed_at = daybook.clock()
    WHERE user_id = v_batch.user_id AND batch_id = v_batch.batch_id;
    IF NOT daybook.settle(v_batch.user_id, v_batch.batch_id) THEN
        PERFORM daybook.refund_failures(v_batch.user_id, v_batch.batch_id);
    END IF;
    RETURN true;
END $$;

-- Gives back what the batch holds and no longer needs: the freeze less what its tasks cost, by model, those that failed
-- apart. The caller holds the batch. Gives the credits that went back.
CREATE OR REPLACE FUNCTION daybook.refund_failures(p_user uuid, p_batch uuid) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_models text[];
    v_credits bigint[];
BEGIN
    SELECT array_agg(d.model), array_agg(d.kept - coalesce(t.cost, 0)) INTO v_models, v_credits
    FROM (
        SELECT model, sum(credits - returned)::bigint AS kept
        FROM daybook.draw WHERE user_id = p_user AND batch_id = p_batch GROUP BY model
    ) AS d
    LEFT JOIN (
        SELECT model, sum(cost)::bigint AS cost
        FROM daybook.task
        WHERE user_id = p_user AND batch_id = p_batch AND state NOT IN ('failed', 'timed_out', 'cancelled')
        GROUP BY model
    ) AS t ON t.model = d.model
    WHERE d.kept > coalesce(t.cost, 0);
    IF v_models IS NULL THEN RETURN 0; END IF;
    PERFORM daybook.give_back(p_user, p_batch, v_models, v_credits);
    RETURN (SELECT sum(c) FROM unnest(v_credits) AS c);
END $$;

-- Gives credits of a batch back to the lots they came from, the last that was taken first, as one tranche. The caller
-- holds the batch. A model of NULL takes the draws of every model. Credit whose lot has expired meanwhile goes out
-- again at once.
CREATE OR REPLACE FUNCTION daybook.give_back(p_user uuid, p_batch uuid, p_models text[], p_credits bigint[])
RETURNS timestamptz LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
        SELECT model, credits FROM unnest(p_models, p_credits) AS n (model, credits)
        WHERE credits > 0 ORDER BY model COLLATE "C"
    LOOP
        v_left := v_part.credits;
        FOR v_draw IN
            SELECT d.draw_no, d.lot_id, d.model, d.credits - d.returned AS kept,
                d.cost_usd - d.returned_cost_usd AS kept_cost, l.kind, l.expires_at <= v_now AS is_expired
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
            PERFORM daybook.post(p_user, 'refund', 'refund', v_draw.model, v_back, v_cost, 'batch_refund',
                p_batch::text, v_draw.lot_id, v_bucket, p_batch, v_tranche, NULL, NULL, v_now);
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

REVOKE ALL ON FUNCTION
    daybook.hold_wallet, daybook.post, daybook.write_wallet, daybook.open_lot, daybook.cost_share, daybook.draw_credits,
    daybook.freeze, daybook.end_tasks, daybook.settle, daybook.flush, daybook.refund_failures, daybook.give_back
FROM PUBLIC;
