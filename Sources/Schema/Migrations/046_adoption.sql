-- Taking over a batch of the application: it gets the engine's records, with what is known of each of its tasks, and
-- the engine for its owner, in one transaction.
--
-- Locks, in the order of everybody else: the batch's own record, its row of batch_jobs, its rows of video_tasks, the
-- wallet, the customer's turn. A dispatcher that claims it meanwhile waits, and finds it claimed.

-- A task that had ended before its batch was taken over was not handed over by the engine.
ALTER TABLE daybook.task DROP CONSTRAINT task_success_has_provider;
ALTER TABLE daybook.task ADD CONSTRAINT task_success_has_provider
    CHECK (state <> 'succeeded' OR provider_task_id IS NOT NULL OR attempts = 0) NOT VALID;

-- ---------------------------------------------------------------- what was frozen before the engine came

-- Takes down what is proved to have been frozen for a batch, as before; bonus of which there is no lot expires with
-- the wallet's one expiry.
CREATE OR REPLACE FUNCTION daybook.prove_freeze(p_user uuid, p_batch uuid, p_opened_at timestamptz)
RETURNS bigint LANGUAGE plpgsql
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
        INSERT INTO daybook.lot (
            user_id, kind, credits, remaining, cost_usd, remaining_cost_usd, opened_at, expires_at, source)
        VALUES (p_user, v_part.kind, v_part.credits, 0, 0, 0, p_opened_at, CASE v_part.kind WHEN 'bonus' THEN (
            SELECT w.bonus_expires_at FROM public.credit_wallet AS w WHERE w.user_id = p_user) END, 'wallet')
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

-- The application says of a row of its own that bonus paid: what was frozen by bonus comes back as bonus.
DO $$
DECLARE
    v_batch record;
BEGIN
    FOR v_batch IN
        SELECT e.user_id, e.batch_id, e.credits, least(e.credits, (
                SELECT coalesce(-sum(l.credits_delta), 0) FROM public.credit_ledger AS l
                WHERE l.user_id = e.user_id AND l.ref_type = 'batch_upfront' AND l.ref_id = e.batch_id::text
                    AND (l.meta ->> 'bucket' = 'bonus' OR l.meta ->> 'use_bonus' = 'true')
                    AND NOT EXISTS (
                        SELECT FROM daybook.foreign_freeze AS f WHERE f.user_id = l.user_id AND f.entry_id = l.id)
            ))::bigint AS bonus
        FROM (
            SELECT e.user_id, e.batch_id, sum(e.credits)::bigint AS credits FROM daybook.earlier_freeze AS e
            WHERE NOT EXISTS (SELECT FROM daybook.batch AS b WHERE b.user_id = e.user_id AND b.batch_id = e.batch_id)
            GROUP BY e.user_id, e.batch_id
        ) AS e
    LOOP
        CONTINUE WHEN v_batch.bonus <= 0;
        DELETE FROM daybook.earlier_freeze AS e
        WHERE e.user_id = v_batch.user_id AND e.batch_id = v_batch.batch_id;
        INSERT INTO daybook.earlier_freeze (user_id, batch_id, kind, credits)
        SELECT v_batch.user_id, v_batch.batch_id, k.kind, k.credits
        FROM (VALUES ('bonus', v_batch.bonus), ('purchased', v_batch.credits - v_batch.bonus)) AS k (kind, credits)
        WHERE k.credits > 0;
    END LOOP;
END $$;

-- ---------------------------------------------------------------- at the takeover

-- Books what a customer's wallet holds and the ledger does not explain, or the other way round, each kind of credit by
-- itself: the caller holds the wallet, and has compared. The lots are those of the wallet already.
CREATE FUNCTION daybook.book_unattributed(p_user uuid, p_purchased bigint, p_bonus bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
    v_part record;
BEGIN
    FOR v_part IN
        SELECT * FROM (VALUES ('permanent', p_purchased, 0), ('bonus', p_bonus, 1)) AS p (bucket, credits, number)
        WHERE p.credits <> 0
    LOOP
        PERFORM daybook.post(p_user, 'adjustment', 'adjust', NULL, v_part.credits, 0, 'unattributed',
            to_char(v_now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), NULL, v_part.bucket, NULL,
            v_part.number, 'daybook', 'what the ledger does not explain of the wallet', v_now);
    END LOOP;
END $$;

-- What was frozen for a batch without saying for which model, told apart by what its tasks cost. Bonus goes to any
-- model but veo-pro as long as there is other credit for that. What is more than they cost stays without a model, and
-- goes back. The caller holds the batch.
CREATE FUNCTION daybook.name_draws(p_user uuid, p_batch uuid, p_models text[], p_costs bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_draw record;
    v_need record;
    v_number integer;
    v_lots bigint[] := '{}';
    v_kinds text[] := '{}';
    v_left bigint[] := '{}';
    v_costs numeric[] := '{}';
    v_wanted bigint;
    v_take bigint;
    v_cost numeric;
    v_place integer;
BEGIN
    SELECT coalesce(max(d.draw_no), 0) INTO v_number FROM daybook.draw AS d
    WHERE d.user_id = p_user AND d.batch_id = p_batch;
    FOR v_draw IN
        SELECT d.*, l.kind FROM daybook.draw AS d
        JOIN daybook.lot AS l ON l.user_id = d.user_id AND l.lot_id = d.lot_id
        WHERE d.user_id = p_user AND d.batch_id = p_batch ORDER BY d.draw_no
    LOOP
        CONTINUE WHEN v_draw.credits = v_draw.returned;
        v_lots := v_lots || v_draw.lot_id;
        v_kinds := v_kinds || v_draw.kind;
        v_left := v_left || (v_draw.credits - v_draw.returned);
        v_costs := v_costs || (v_draw.cost_usd - v_draw.returned_cost_usd);
        -- What came back already stays as it is.
        IF v_draw.returned = 0 THEN
            DELETE FROM daybook.draw AS d
            WHERE d.user_id = p_user AND d.batch_id = p_batch AND d.draw_no = v_draw.draw_no;
        ELSE
            UPDATE daybook.draw AS d SET credits = d.returned, cost_usd = d.returned_cost_usd
            WHERE d.user_id = p_user AND d.batch_id = p_batch AND d.draw_no = v_draw.draw_no;
        END IF;
    END LOOP;
    FOR v_need IN
        SELECT n.model, n.cost FROM (
            SELECT * FROM unnest(p_models, p_costs) AS m (model, cost)
            UNION ALL SELECT '', 9223372036854775807
        ) AS n
        ORDER BY n.model = '', n.model <> 'veo-pro', n.model COLLATE "C"
    LOOP
        v_wanted := v_need.cost;
        FOR v_place IN
            SELECT u.place FROM unnest(v_kinds) WITH ORDINALITY AS u (kind, place)
            ORDER BY (u.kind = 'bonus') = (v_need.model = 'veo-pro'), u.place
        LOOP
            v_take := least(v_wanted, v_left[v_place]);
            CONTINUE WHEN v_take = 0;
            v_cost := daybook.cost_share(v_costs[v_place], v_take, v_left[v_place]);
            v_number := v_number + 1;
            INSERT INTO daybook.draw AS d (user_id, batch_id, draw_no, lot_id, model, credits, cost_usd)
            VALUES (p_user, p_batch, v_number, v_lots[v_place], v_need.model, v_take, v_cost)
            ON CONFLICT ON CONSTRAINT draw_once_per_lot_and_model
            DO UPDATE SET credits = d.credits + excluded.credits, cost_usd = d.cost_usd + excluded.cost_usd;
            v_left[v_place] := v_left[v_place] - v_take;
            v_costs[v_place] := v_costs[v_place] - v_cost;
            v_wanted := v_wanted - v_take;
        END LOOP;
    END LOOP;
END $$;

-- What the engine knows of the tasks of a batch of the application, and what each is to be: one that has ended stays as
-- it is; one of which the provider's id is known was accepted, and is asked for; one that was being handed over without
-- an id is unknown, because the provider may have it; and one that was never handed over is ready.
CREATE FUNCTION daybook.adoptable_tasks(p_user uuid, p_batch uuid) RETURNS TABLE (
    task_id uuid, place integer, model text, state text, provider_task_id text, created_at timestamptz,
    written_at timestamptz, ended_at timestamptz
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.id, (row_number() OVER (ORDER BY t.batch_index, t.id) - 1)::integer,
        coalesce(nullif(t.model, ''), daybook.default_model(p_user, coalesce(t.created_at, j.created_at))),
        CASE WHEN t.status IN ('succeeded', 'failed') THEN t.status WHEN t.grsai_task_id <> '' THEN 'accepted'
            WHEN t.status = 'processing' THEN 'unknown' ELSE 'ready' END,
        nullif(t.grsai_task_id, ''), coalesce(t.created_at, j.created_at),
        greatest(t.updated_at, t.last_poll_at, j.created_at), coalesce(t.completed_at, t.updated_at, j.created_at)
    FROM public.batch_jobs AS j
    JOIN public.video_tasks AS t ON t.user_id = j.user_id AND t.batch_job_id = j.id
    WHERE j.user_id = p_user AND j.id = p_batch;
END $$;

-- Says why a batch stays the application's, and leaves nothing behind of the attempt.
CREATE FUNCTION daybook.leave_batch(p_reason text, p_detail text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', p_detail USING ERRCODE = 'DB406', HINT = p_reason;
END $$;

-- Raises DB406 where a batch of the application cannot be taken over. The caller holds it and its rows.
CREATE FUNCTION daybook.require_adoptable(p_job public.batch_jobs, p_batch daybook.batch, p_quiet_seconds bigint)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    v_count record;
    v_found text;
    v_cost bigint;
    v_quiet bigint;
BEGIN
    IF p_job.status NOT IN ('queued', 'processing') THEN
        PERFORM daybook.leave_batch('over', format('it has ended: its status is %s', p_job.status));
    ELSIF p_job.settlement_status <> 'pending' OR p_batch.settled_at IS NOT NULL THEN
        PERFORM daybook.leave_batch('settled', 'it is settled already: only its status is still to be written, by the '
            'application');
    ELSIF p_job.cost_per_video <= 0 THEN
        PERFORM daybook.leave_batch('no_price', format('a video of it costs %s credits', p_job.cost_per_video));
    END IF;
    SELECT count(*) AS tasks, count(*) FILTER (WHERE t.state IN ('accepted', 'unknown')) AS begun,
        count(*) FILTER (WHERE t.state = 'ready') AS ready,
        greatest(max(t.written_at), p_job.updated_at) AS written_at
    INTO v_count FROM daybook.adoptable_tasks(p_job.user_id, p_job.id) AS t;
    IF v_count.tasks <> p_job.total_count OR v_count.tasks = 0 THEN
        PERFORM daybook.leave_batch('incomplete', format('it has %s of %s tasks: the application writes them after the '
            'batch, or did not get to it', v_count.tasks, p_job.total_count));
    END IF;
    -- What was handed over, or is about to be by a dispatcher that claimed it: nobody but time tells whether that
    -- dispatcher lives.
    v_quiet := floor(extract(epoch FROM clock_timestamp() - v_count.written_at));
    IF (v_count.begun > 0 OR p_job.status = 'processing' AND v_count.ready > 0) AND v_quiet < p_quiet_seconds THEN
        PERFORM daybook.leave_batch('moving', format('the application wrote to it %s seconds ago, and may still be '
            'handing it over: it can be taken after %s seconds of quiet', greatest(v_quiet, 0), p_quiet_seconds));
    END IF;
    SELECT t.model INTO v_found FROM daybook.adoptable_tasks(p_job.user_id, p_job.id) AS t
    WHERE t.state IN ('accepted', 'unknown', 'ready')
        AND NOT EXISTS (SELECT FROM daybook.model_gate AS g WHERE g.model = t.model)
    ORDER BY t.place LIMIT 1;
    IF FOUND THEN
        PERFORM daybook.leave_batch('unknown_model', format('the engine does not run the model %s', v_found));
    END IF;
    SELECT t.provider_task_id INTO v_found FROM daybook.adoptable_tasks(p_job.user_id, p_job.id) AS t
    WHERE t.state = 'accepted' AND (
        EXISTS (SELECT FROM daybook.submission AS s WHERE s.provider_task_id = t.provider_task_id)
        OR EXISTS (
            SELECT FROM public.video_tasks AS v
            WHERE v.grsai_task_id = t.provider_task_id AND v.id <> t.task_id))
    ORDER BY t.place LIMIT 1;
    IF FOUND THEN
        PERFORM daybook.leave_batch('shared_id', format('the provider''s task %s is named by another task too',
            v_found));
    END IF;
    v_cost := v_count.tasks * p_job.cost_per_video;
    IF p_batch.frozen > 0 AND p_batch.frozen - p_batch.refunded < v_cost THEN
        PERFORM daybook.leave_batch('freeze_short', format('%s credits are frozen for it, and its tasks cost %s',
            p_batch.frozen - p_batch.refunded, v_cost));
    END IF;
END $$;

-- Writes the engine's records of a batch and its tasks. The caller holds everything.
CREATE FUNCTION daybook.record_adoption(p_job public.batch_jobs, p_at timestamptz) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    v_frozen bigint;
BEGIN
    INSERT INTO daybook.task (
        user_id, task_id, batch_id, batch_index, model, cost, state, attempts, created_at, ready_at, expires_at,
        accepted_at, deadline_at, ended_at, provider_task_id)
    SELECT p_job.user_id, t.task_id, p_job.id, t.place, t.model, p_job.cost_per_video, t.state,
        (t.state IN ('accepted', 'unknown'))::integer, t.created_at, p_at, p_at + interval '24 hours',
        CASE t.state WHEN 'accepted' THEN p_at END,
        -- The clock of what was accepted begins when the engine first hears of it; what is unknown ends when it would
        -- have ended had the engine submitted it.
        CASE t.state WHEN 'accepted' THEN p_at + g.deadline_seconds * interval '1 second'
            WHEN 'unknown' THEN least(t.written_at, p_at) + (g.deadline_seconds + 600) * interval '1 second' END,
        CASE WHEN t.state IN ('succeeded', 'failed') THEN t.ended_at END,
        CASE WHEN t.state <> 'ready' THEN t.provider_task_id END
    FROM daybook.adoptable_tasks(p_job.user_id, p_job.id) AS t
    LEFT JOIN daybook.model_gate AS g ON g.model = t.model;
    INSERT INTO daybook.submission (
        user_id, nonce, task_id, attempt, worker_id, outcome, intent_at, answered_at, provider_task_id, remark)
    SELECT t.user_id, substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) FROM 1 FOR 16),
        t.task_id, t.attempts, 0, t.state,
        CASE t.state WHEN 'accepted' THEN p_at
            ELSE t.deadline_at - (g.deadline_seconds + 600) * interval '1 second' END,
        CASE t.state WHEN 'accepted' THEN p_at END, t.provider_task_id, 'the application handed it over'
    FROM daybook.task AS t
    JOIN daybook.model_gate AS g ON g.model = t.model
    WHERE t.user_id = p_job.user_id AND t.batch_id = p_job.id AND t.state IN ('accepted', 'unknown');
    INSERT INTO daybook.task_fact AS f (user_id, task_id, cost_credits)
    SELECT t.user_id, t.task_id, t.cost FROM daybook.task AS t
    WHERE t.user_id = p_job.user_id AND t.batch_id = p_job.id
    ON CONFLICT (user_id, task_id) DO UPDATE SET cost_credits = excluded.cost_credits;
    -- What the application means by none. And whoever began to write to such a row before sees that it is another.
    UPDATE public.video_tasks AS v SET aspect_ratio = coalesce(v.aspect_ratio, '9:16')
    WHERE v.user_id = p_job.user_id AND v.batch_job_id = p_job.id
        AND coalesce(v.status NOT IN ('succeeded', 'failed'), true);
    SELECT b.frozen INTO v_frozen FROM daybook.batch AS b WHERE b.user_id = p_job.user_id AND b.batch_id = p_job.id;
    -- No dispatcher sees it as queued from now on. The last that is written before the fence is up.
    UPDATE public.batch_jobs AS j SET status = 'processing', frozen_credits = v_frozen, updated_at = p_at
    WHERE j.user_id = p_job.user_id AND j.id = p_job.id;
    UPDATE daybook.batch AS b
    SET owner = 'engine', adopted_at = p_at, flushed_at = p_at,
        refund_due_at = CASE WHEN EXISTS (
            SELECT FROM daybook.task AS t
            WHERE t.user_id = p_job.user_id AND t.batch_id = p_job.id AND t.batch_index >= 0 AND t.state = 'failed'
        ) THEN p_at END
    WHERE b.user_id = p_job.user_id AND b.batch_id = p_job.id;
END $$;

-- Takes a batch of the application over, or says why not. Gives the outcome: adopted, settled where nothing of it was
-- open, engine where it was the engine's before, left with the reason. What was frozen for it stays frozen; what was
-- not frozen is frozen now, all or nothing. Raises DB404 where the customer has no such batch. The caller says in the
-- customer's turns, last of all locks, that there is ready work of the models given.
CREATE FUNCTION daybook.take_over(
    p_user uuid, p_batch uuid, p_quiet_seconds bigint, OUT outcome text, OUT was text, OUT reason text, OUT detail text,
    OUT ready bigint, OUT accepted bigint, OUT unknown bigint, OUT succeeded bigint, OUT failed bigint,
    OUT frozen bigint, OUT frozen_now bigint, OUT refunded bigint, OUT ready_models text[]
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
#variable_conflict use_variable
DECLARE
    v_job public.batch_jobs;
    v_batch daybook.batch;
    v_models text[];
    v_costs bigint[];
BEGIN
    v_batch := daybook.hold_batch(p_batch, p_user);
    SELECT j.* INTO v_job FROM public.batch_jobs AS j WHERE j.user_id = p_user AND j.id = p_batch FOR UPDATE;
    was := v_job.status;
    IF v_batch.owner = 'engine' THEN
        outcome := 'engine';
        RETURN;
    END IF;
    IF v_job.id IS NULL THEN
        RAISE EXCEPTION 'batch % does not belong to user %', p_batch, p_user USING ERRCODE = 'DB404';
    END IF;
    PERFORM FROM public.video_tasks AS v WHERE v.user_id = p_user AND v.batch_job_id = p_batch
    ORDER BY v.id FOR UPDATE;
    PERFORM daybook.require_adoptable(v_job, v_batch, p_quiet_seconds);
    SELECT array_agg(m.model), array_agg(m.cost), array_agg(m.model) FILTER (WHERE m.ready > 0), sum(m.ready),
        sum(m.accepted), sum(m.unknown), sum(m.succeeded), sum(m.failed)
    INTO v_models, v_costs, ready_models, ready, accepted, unknown, succeeded, failed
    FROM (
        SELECT t.model, count(*) * v_job.cost_per_video AS cost, count(*) FILTER (WHERE t.state = 'ready') AS ready,
            count(*) FILTER (WHERE t.state = 'accepted') AS accepted,
            count(*) FILTER (WHERE t.state = 'unknown') AS unknown,
            count(*) FILTER (WHERE t.state = 'succeeded') AS succeeded,
            count(*) FILTER (WHERE t.state = 'failed') AS failed
        FROM daybook.adoptable_tasks(p_user, p_batch) AS t GROUP BY t.model
    ) AS m;
    frozen_now := 0;
    IF v_batch.frozen > 0 THEN
        PERFORM daybook.name_draws(p_user, p_batch, v_models, v_costs);
    ELSE
        PERFORM daybook.freeze(p_user, p_batch, v_models, v_costs);
        frozen_now := (SELECT sum(c.cost) FROM unnest(v_costs) AS c (cost));
    END IF;
    PERFORM daybook.record_adoption(v_job, daybook.clock());
    outcome := CASE WHEN daybook.settle(p_user, p_batch) THEN 'settled' ELSE 'adopted' END;
    UPDATE daybook.batch AS b SET refund_due_at = NULL
    WHERE b.user_id = p_user AND b.batch_id = p_batch AND b.settled_at IS NOT NULL;
    SELECT b.frozen, b.refunded - v_batch.refunded INTO frozen, refunded FROM daybook.batch AS b
    WHERE b.user_id = p_user AND b.batch_id = p_batch;
EXCEPTION
    -- Everything since BEGIN is undone, the engine's record of the batch included.
    WHEN SQLSTATE 'DB406' THEN
        GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_HINT, detail = MESSAGE_TEXT;
        outcome := 'left';
        ready_models := NULL;
    WHEN SQLSTATE 'DB402' THEN
        outcome := 'left';
        ready_models := NULL;
        reason := 'insufficient_credits';
        detail := format('it is not frozen, and costs %s credits, which the customer does not have',
            (SELECT sum(c.cost) FROM unnest(v_costs) AS c (cost)));
END $$;

REVOKE ALL ON FUNCTION
    daybook.prove_freeze, daybook.book_unattributed, daybook.name_draws, daybook.adoptable_tasks, daybook.leave_batch,
    daybook.require_adoptable, daybook.record_adoption, daybook.take_over
FROM PUBLIC;
