-- The engine guards its money: no function of ours is anybody's to call, a trigger function that books works on its own
-- table only, nothing that books obeys a setting of its caller, and credit comes back to a batch only where the engine
-- saw it go, or recorded here that it had.

-- ---------------------------------------------------------------- time

-- A setting could be made by any session; a row here can be written by the owner of the table alone.
CREATE TABLE daybook.test_clock (
    only_row boolean          NOT NULL DEFAULT true,
    rate     double precision NOT NULL,
    origin   timestamptz      NOT NULL,
    anchor   timestamptz      NOT NULL,
    CONSTRAINT test_clock_pkey PRIMARY KEY (only_row),
    CONSTRAINT test_clock_has_one_row CHECK (only_row)
);
COMMENT ON TABLE daybook.test_clock IS
    'Empty in production. In a test the clock reads origin at the real instant anchor, and runs rate times as fast.';

CREATE OR REPLACE FUNCTION daybook.clock() RETURNS timestamptz LANGUAGE plpgsql VOLATILE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    RETURN coalesce((SELECT origin + (v_now - anchor) * rate FROM daybook.test_clock), v_now);
END $$;

-- ---------------------------------------------------------------- what others did to a wallet

CREATE TABLE daybook.withdrawal (
    user_id          uuid           NOT NULL,
    withdrawal_id    bigint         GENERATED ALWAYS AS IDENTITY,
    lot_id           bigint         NOT NULL,
    credits          bigint         NOT NULL,
    cost_usd         numeric(18, 6) NOT NULL,
    claimed          bigint         NOT NULL DEFAULT 0,
    claimed_cost_usd numeric(18, 6) NOT NULL DEFAULT 0,
    transaction_id   xid8           NOT NULL DEFAULT pg_current_xact_id(),
    transaction_at   timestamptz    NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT withdrawal_pkey PRIMARY KEY (user_id, withdrawal_id),
    CONSTRAINT withdrawal_lot_exists FOREIGN KEY (user_id, lot_id) REFERENCES daybook.lot (user_id, lot_id),
    CONSTRAINT withdrawal_credits_positive CHECK (credits > 0),
    CONSTRAINT withdrawal_claimed_once CHECK (claimed BETWEEN 0 AND credits AND claimed_cost_usd BETWEEN 0 AND cost_usd)
);
CREATE INDEX withdrawal_of_transaction ON daybook.withdrawal (user_id, transaction_id, transaction_at);
COMMENT ON TABLE daybook.withdrawal IS
    'Credit that another hand than the engine''s took from a wallet: of which lot, and how much of it batches claimed.';

-- A transaction's number begins anew in a restored database, its instant does not: both together name it for good.
CREATE TABLE daybook.foreign_freeze (
    user_id        uuid        NOT NULL,
    entry_id       bigint      NOT NULL,
    batch_id       uuid        NOT NULL,
    credits        bigint      NOT NULL,
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
    transaction_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT foreign_freeze_pkey PRIMARY KEY (user_id, entry_id),
    CONSTRAINT foreign_freeze_credits_positive CHECK (credits > 0)
);
CREATE INDEX foreign_freeze_of_batch ON daybook.foreign_freeze (user_id, batch_id);
COMMENT ON TABLE daybook.foreign_freeze IS
    'Ledger rows of others that say that a batch is frozen: true as far as their transaction took from the wallet.';

CREATE TABLE daybook.earlier_freeze (
    user_id  uuid   NOT NULL,
    batch_id uuid   NOT NULL,
    kind     text   NOT NULL,
    credits  bigint NOT NULL,
    CONSTRAINT earlier_freeze_pkey PRIMARY KEY (user_id, batch_id, kind),
    CONSTRAINT earlier_freeze_kind_known CHECK (kind IN ('purchased', 'bonus')),
    CONSTRAINT earlier_freeze_credits_positive CHECK (credits > 0)
);
COMMENT ON TABLE daybook.earlier_freeze IS
    'What the ledger said that the application''s open batches had frozen, when the engine began to watch the wallets.';

-- A change of the wallet by somebody else becomes a lot, or a draw from the lots in their order. What the engine writes
-- there is what the lots say already, so that nothing is left to do.
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
BEGIN
    IF coalesce(pg_partition_root(TG_RELID), TG_RELID) <> 'public.credit_wallet'::regclass
        OR TG_WHEN <> 'AFTER' OR TG_LEVEL <> 'ROW' OR TG_OP NOT IN ('INSERT', 'UPDATE')
    THEN
        RAISE EXCEPTION 'daybook.mirror_wallet works after a row of public.credit_wallet was written, nowhere else'
            USING ERRCODE = 'DB001';
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

-- Makes the wallet say what the lots say. The caller holds the wallet.
CREATE OR REPLACE FUNCTION daybook.write_wallet(p_user uuid, p_at timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.credit_wallet AS w
    SET permanent_credits = s.purchased, bonus_credits = s.bonus, bonus_expires_at = s.expires_at, updated_at = p_at
    FROM (
        SELECT coalesce(sum(remaining) FILTER (WHERE kind = 'purchased'), 0) AS purchased,
            coalesce(sum(remaining) FILTER (WHERE kind = 'bonus'), 0) AS bonus,
            min(expires_at) FILTER (WHERE kind = 'bonus') AS expires_at
        FROM daybook.lot
        WHERE user_id = p_user AND remaining > 0
    ) AS s
    WHERE w.user_id = p_user;
END $$;

-- Notes a ledger row by which somebody says that a batch was frozen. A batch that the engine knows has its own record
-- of that.
CREATE FUNCTION daybook.note_freeze() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(pg_partition_root(TG_RELID), TG_RELID) <> 'public.credit_ledger'::regclass
        OR TG_WHEN <> 'AFTER' OR TG_LEVEL <> 'ROW' OR TG_OP <> 'INSERT'
    THEN
        RAISE EXCEPTION 'daybook.note_freeze works after a row was added to public.credit_ledger, nowhere else'
            USING ERRCODE = 'DB001';
    END IF;
    IF NOT EXISTS (SELECT FROM daybook.batch WHERE user_id = NEW.user_id AND batch_id = NEW.ref_id::uuid) THEN
        INSERT INTO daybook.foreign_freeze (user_id, entry_id, batch_id, credits)
        VALUES (NEW.user_id, NEW.id, NEW.ref_id::uuid, -NEW.credits_delta)
        ON CONFLICT (user_id, entry_id) DO NOTHING;
    END IF;
    RETURN NULL;
END $$;

-- In the order in which everybody writes: the wallet, then the ledger. From here on nobody freezes unseen.
LOCK TABLE public.credit_wallet IN EXCLUSIVE MODE;
CREATE OR REPLACE TRIGGER daybook_mirror_wallet
    AFTER INSERT OR UPDATE OF permanent_credits, bonus_credits ON public.credit_wallet
    FOR EACH ROW EXECUTE FUNCTION daybook.mirror_wallet();
CREATE TRIGGER daybook_note_freeze AFTER INSERT ON public.credit_ledger
    FOR EACH ROW WHEN (NEW.ref_type = 'batch_upfront' AND NEW.credits_delta < 0
        AND NEW.ref_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
    EXECUTE FUNCTION daybook.note_freeze();
INSERT INTO daybook.earlier_freeze (user_id, batch_id, kind, credits)
SELECT j.user_id, j.id, CASE l.meta ->> 'bucket' WHEN 'bonus' THEN 'bonus' ELSE 'purchased' END AS kind,
    -sum(l.credits_delta)
FROM public.batch_jobs AS j
JOIN public.credit_ledger AS l ON l.user_id = j.user_id AND l.ref_type = 'batch_upfront' AND l.ref_id = j.id::text
WHERE j.settlement_status = 'pending'
    AND NOT EXISTS (SELECT FROM daybook.batch AS b WHERE b.user_id = j.user_id AND b.batch_id = j.id)
GROUP BY j.user_id, j.id, 3
HAVING sum(l.credits_delta) < 0;

-- ---------------------------------------------------------------- batches of the old application

-- Takes down what is proved to have been frozen for a batch: what was recorded when the engine came, in lots of their
-- own, empty, to come back to; and what the wallet lost in the transactions that say so, to the lots that it came from.
-- Gives the credits.
CREATE FUNCTION daybook.prove_freeze(p_user uuid, p_batch uuid, p_opened_at timestamptz) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_part record;
    v_lot bigint;
    v_left bigint;
    v_take bigint;
    v_cost numeric;
    v_seen daybook.withdrawal;
    v_draw integer := 0;
    v_proved bigint := 0;
BEGIN
    FOR v_part IN
        SELECT kind, credits FROM daybook.earlier_freeze WHERE user_id = p_user AND batch_id = p_batch ORDER BY kind
    LOOP
        INSERT INTO daybook.lot (user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, source)
        VALUES (p_user, v_part.kind, v_part.credits, 0, 0, 0, p_opened_at, 'wallet')
        RETURNING lot_id INTO v_lot;
        v_draw := v_draw + 1;
        INSERT INTO daybook.draw (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
        VALUES (p_user, p_batch, v_draw, v_lot, '', v_part.credits, 0);
        v_proved := v_proved + v_part.credits;
    END LOOP;
    FOR v_part IN
        SELECT transaction_id, transaction_at, sum(credits) AS credits FROM daybook.foreign_freeze
        WHERE user_id = p_user AND batch_id = p_batch
        GROUP BY transaction_id, transaction_at ORDER BY transaction_at, transaction_id
    LOOP
        v_left := v_part.credits;
        FOR v_seen IN
            SELECT w.* FROM daybook.withdrawal AS w
            JOIN daybook.lot AS l ON l.user_id = w.user_id AND l.lot_id = w.lot_id
            WHERE w.user_id = p_user AND w.transaction_id = v_part.transaction_id
                AND w.transaction_at = v_part.transaction_at AND w.claimed < w.credits
            ORDER BY l.kind = 'purchased', w.withdrawal_id
            FOR UPDATE OF w
        LOOP
            EXIT WHEN v_left = 0;
            v_take := least(v_left, v_seen.credits - v_seen.claimed);
            v_cost := daybook.cost_share(
                v_seen.cost_usd - v_seen.claimed_cost_usd, v_take, v_seen.credits - v_seen.claimed);
            UPDATE daybook.withdrawal SET claimed = claimed + v_take, claimed_cost_usd = claimed_cost_usd + v_cost
            WHERE user_id = p_user AND withdrawal_id = v_seen.withdrawal_id;
            v_draw := v_draw + 1;
            INSERT INTO daybook.draw AS d (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
            VALUES (p_user, p_batch, v_draw, v_seen.lot_id, '', v_take, v_cost)
            ON CONFLICT ON CONSTRAINT draw_once_per_lot_and_model
            DO UPDATE SET credits = d.credits + excluded.credits, cost_usd = d.cost_usd + excluded.cost_usd;
            v_left := v_left - v_take;
            v_proved := v_proved + v_take;
        END LOOP;
    END LOOP;
    RETURN v_proved;
END $$;

-- Gives a batch, locked. One of the old application's is taken down when it is seen first, with what is proved to be
-- frozen for it.
CREATE OR REPLACE FUNCTION daybook.hold_batch(p_batch uuid, p_user uuid) RETURNS daybook.batch LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job public.batch_jobs;
    v_batch daybook.batch;
    v_frozen bigint;
    v_refunded bigint;
    v_back bigint;
    v_draw daybook.draw;
BEGIN
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    IF FOUND THEN RETURN v_batch; END IF;
    SELECT * INTO v_job FROM public.batch_jobs WHERE id = p_batch AND user_id = p_user;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'batch % does not belong to user %', p_batch, p_user USING ERRCODE = 'DB404';
    END IF;
    INSERT INTO daybook.batch (user_id, batch_id, owner, created_at) VALUES (p_user, p_batch, 'app', v_job.created_at)
    ON CONFLICT (user_id, batch_id) DO NOTHING;
    IF FOUND THEN
        SELECT coalesce(-sum(credits_delta) FILTER (WHERE ref_type = 'batch_upfront'), 0),
            -- A refund gives back: a row that takes would undo one that was given.
            coalesce(sum(credits_delta) FILTER (WHERE ref_type = 'batch_refund' AND credits_delta > 0), 0)
        INTO v_frozen, v_refunded
        FROM public.credit_ledger
        WHERE user_id = p_user AND ref_id = p_batch::text AND ref_type IN ('batch_upfront', 'batch_refund');
        IF v_frozen > 0 AND v_job.settlement_status <> 'pending' THEN
            -- It is over: what the ledger says is all that there is to say, and nothing comes back any more.
            UPDATE daybook.batch
            SET frozen = v_frozen, frozen_at = v_job.created_at, refunded = least(v_refunded, v_frozen),
                spent = v_frozen - least(v_refunded, v_frozen),
                settled_at = coalesce(v_job.completed_at, v_job.updated_at)
            WHERE user_id = p_user AND batch_id = p_batch;
        ELSE
            v_frozen := daybook.prove_freeze(p_user, p_batch, v_job.created_at);
            -- What the application gave back before it stopped is not given back again.
            v_refunded := greatest(least(v_refunded, v_frozen), 0);
            UPDATE daybook.batch
            SET frozen = v_frozen, refunded = v_refunded, frozen_at = CASE WHEN v_frozen > 0 THEN v_job.created_at END
            WHERE user_id = p_user AND batch_id = p_batch;
            FOR v_draw IN
                SELECT * FROM daybook.draw WHERE user_id = p_user AND batch_id = p_batch ORDER BY draw_no DESC
            LOOP
                EXIT WHEN v_refunded = 0;
                v_back := least(v_draw.credits, v_refunded);
                UPDATE daybook.draw SET returned = v_back,
                    returned_cost_usd = cost_usd - daybook.cost_share(cost_usd, credits - v_back, credits)
                WHERE user_id = p_user AND batch_id = p_batch AND draw_no = v_draw.draw_no;
                v_refunded := v_refunded - v_back;
            END LOOP;
        END IF;
    END IF;
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user AND batch_id = p_batch FOR NO KEY UPDATE;
    RETURN v_batch;
END $$;

-- What the ledger says that a batch has frozen, whether it is so or not.
CREATE FUNCTION daybook.said_frozen(p_user uuid, p_batch uuid) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(-sum(credits_delta), 0)::bigint FROM public.credit_ledger
    WHERE user_id = p_user AND ref_id = p_batch::text AND ref_type = 'batch_upfront'
$$;

-- Freezes credits for a batch. Calling it again with the same amount changes nothing and says so; anything else raises.
CREATE OR REPLACE FUNCTION public.freeze_credits_for_batch(p_batch_id uuid, p_user_id uuid, p_amount integer)
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_models text[];
    v_credits bigint[];
BEGIN
    IF p_amount IS NULL OR p_amount <= 0 THEN RETURN jsonb_build_object('ok', true, 'skipped', true); END IF;
    v_batch := daybook.hold_batch(p_batch_id, p_user_id);
    IF v_batch.frozen_at IS NOT NULL THEN
        -- Where the application froze less than it wrote down, its amount is the one that it wrote.
        IF v_batch.frozen <> p_amount AND NOT (
            v_batch.owner = 'app' AND p_amount > v_batch.frozen
            AND daybook.said_frozen(p_user_id, p_batch_id) = p_amount
        ) THEN
            RAISE EXCEPTION 'batch % has frozen % credits already, not %', p_batch_id, v_batch.frozen, p_amount
                USING ERRCODE = 'DB409';
        END IF;
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', v_batch.frozen);
    END IF;
    -- The models of its tasks, where their prices add up to the amount or there is only one model.
    SELECT array_agg(model), array_agg(cost) INTO v_models, v_credits
    FROM (
        SELECT t.model, sum(coalesce(f.cost_credits, j.cost_per_video))::bigint AS cost
        FROM public.video_tasks AS t
        JOIN public.batch_jobs AS j ON j.user_id = t.user_id AND j.id = t.batch_job_id
        LEFT JOIN daybook.task_fact AS f ON f.user_id = t.user_id AND f.task_id = t.id
        WHERE t.user_id = p_user_id AND t.batch_job_id = p_batch_id
        GROUP BY t.model
    ) AS m;
    IF v_models IS NULL THEN
        -- No task yet: the price names the model.
        SELECT ARRAY[
            CASE cost_per_video WHEN 10 THEN 'sora-2' WHEN 50 THEN 'veo-flash' WHEN 250 THEN 'veo-pro' ELSE '' END]
        INTO v_models FROM public.batch_jobs WHERE user_id = p_user_id AND id = p_batch_id;
        v_credits := ARRAY[p_amount];
    ELSIF cardinality(v_models) = 1 THEN
        v_credits := ARRAY[p_amount];
    ELSIF (SELECT sum(c) FROM unnest(v_credits) AS c) <> p_amount THEN
        v_models := ARRAY[''];
        v_credits := ARRAY[p_amount];
    END IF;
    v_models := (SELECT array_agg(coalesce(m, '') ORDER BY n) FROM unnest(v_models) WITH ORDINALITY AS u (m, n));
    PERFORM daybook.freeze(p_user_id, p_batch_id, v_models, v_credits);
    RETURN jsonb_build_object('ok', true, 'already', false, 'frozen', p_amount);
END $$;

-- Settles a batch. One of the engine's is counted from its tasks; one of the old application's honours p_spent within
-- 0…frozen. Where nothing was frozen nothing is booked, whatever was spent, so that an old caller goes on and the
-- delivery is found unpaid.
CREATE OR REPLACE FUNCTION public.finalize_batch_credits(p_batch_id uuid, p_user_id uuid, p_spent integer)
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_batch daybook.batch;
    v_now timestamptz;
    v_spent bigint := coalesce(p_spent, -1);
BEGIN
    v_batch := daybook.hold_batch(p_batch_id, p_user_id);
    IF v_batch.settled_at IS NOT NULL THEN
        RETURN jsonb_build_object('ok', true, 'already', true, 'frozen', v_batch.frozen, 'spent', v_batch.spent,
            'refund', v_batch.refunded);
    END IF;
    IF v_batch.owner = 'engine' THEN
        IF NOT daybook.settle(p_user_id, p_batch_id) THEN
            RAISE EXCEPTION 'batch % still has open tasks', p_batch_id USING ERRCODE = 'DB409';
        END IF;
    ELSE
        -- A caller counts on what the application wrote down, be it true or not.
        IF v_batch.frozen > 0 AND (
            v_spent < 0 OR v_spent > v_batch.frozen AND v_spent > daybook.said_frozen(p_user_id, p_batch_id)
        ) THEN
            RAISE EXCEPTION 'spent must lie between 0 and the % credits frozen, not %', v_batch.frozen, p_spent
                USING ERRCODE = 'DB400';
        END IF;
        -- Credit that went back before cannot have been spent.
        v_spent := greatest(least(v_spent, v_batch.frozen - v_batch.refunded), 0);
        v_now := daybook.give_back(
            p_user_id, p_batch_id, ARRAY[NULL]::text[], ARRAY[v_batch.frozen - v_batch.refunded - v_spent]);
        UPDATE daybook.batch SET spent = v_spent, settled_at = v_now
        WHERE user_id = p_user_id AND batch_id = p_batch_id;
        UPDATE public.batch_jobs
        SET credits_spent = v_spent, updated_at = v_now,
            settlement_status = CASE WHEN v_spent = 0 THEN 'refunded' ELSE 'finalized' END
        WHERE user_id = p_user_id AND id = p_batch_id;
    END IF;
    SELECT * INTO v_batch FROM daybook.batch WHERE user_id = p_user_id AND batch_id = p_batch_id;
    RETURN jsonb_build_object('ok', true, 'already', false, 'frozen', v_batch.frozen, 'spent', v_batch.spent,
        'refund', v_batch.refunded);
END $$;

-- ---------------------------------------------------------------- who may call

-- Of a ledger that Daybook made: it refuses rows on its own table, nowhere else.
DO $migration$
BEGIN
    IF to_regprocedure('daybook.refuse_carried()') IS NULL THEN RETURN; END IF;
    CREATE OR REPLACE FUNCTION daybook.refuse_carried() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        v_cutoff timestamptz;
    BEGIN
        IF coalesce(pg_partition_root(TG_RELID), TG_RELID) <> 'public.credit_ledger'::regclass THEN
            RAISE EXCEPTION 'daybook.refuse_carried works on public.credit_ledger, nowhere else'
                USING ERRCODE = 'DB001';
        END IF;
        SELECT max(cutoff) INTO v_cutoff FROM daybook.ledger_carry WHERE state = 'done';
        IF NEW.created_at < v_cutoff THEN
            RAISE EXCEPTION 'the ledger before % was carried forward: a row of % is refused', v_cutoff, NEW.created_at
                USING ERRCODE = 'DB001', HINT = 'Book it now, as an adjustment that says what it corrects.';
        END IF;
        RETURN NEW;
    END $$;
    REVOKE ALL ON FUNCTION daybook.refuse_carried FROM PUBLIC;
END $migration$;

-- PostgreSQL lets everybody call a new function. A default of the schema could not take that back, and one of the whole
-- database would change the application's own functions: each is named, here and in every later migration.
REVOKE ALL ON FUNCTION
    daybook.clock, daybook.refuse_alteration, daybook.post, daybook.cost_share, daybook.write_wallet,
    daybook.hold_wallet, daybook.open_lot, daybook.take_out, daybook.mirror_wallet, daybook.freeze,
    daybook.give_back, daybook.announce_ready, daybook.refund_failures, daybook.settle, daybook.end_tasks,
    daybook.hold_batch, daybook.record_access, daybook.spend_allowance, daybook.log_request, daybook.available,
    daybook.find_request, daybook.create_batch, daybook.register_worker, daybook.hold_worker, daybook.heartbeat,
    daybook.claim, daybook.accept, daybook.lose, daybook.put_back, daybook.note_late_success, daybook.close_gate,
    daybook.adopt, daybook.leave, daybook.bury, daybook.end_overdue, daybook.flush, daybook.expire_credit,
    daybook.cancel, daybook.note_freeze, daybook.prove_freeze, daybook.said_frozen,
    public.freeze_credits_for_batch(uuid, uuid, integer), public.finalize_batch_credits(uuid, uuid, integer)
FROM PUBLIC;
