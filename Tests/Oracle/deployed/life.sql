-- The application's code, played on a deployment at instants that are given: its routes and the three phases of its worker. Each call is one
-- transaction there; here a call is one statement. NOW() is the played instant while this schema is in front of pg_catalog.
CREATE SCHEMA play;
CREATE FUNCTION play.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT current_setting('play.clock')::timestamptz $$;
DO $$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND column_default = 'now()'
    LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER %I SET DEFAULT play.now()', v_column.table_name, v_column.column_name);
    END LOOP;
END $$;

-- What the provider will make of each task: refused at once, or an outcome that is there from an instant on.
CREATE TABLE play.fate (task_id uuid PRIMARY KEY, outcome text NOT NULL, after interval NOT NULL);

-- POST /api/enterprise/video-batch. The balance is looked at, nothing is frozen, and a replay is answered with what there is.
CREATE FUNCTION play.enterprise_batch(
    p_key text, p_request text, p_batch uuid, p_cost integer, p_webhook text, p_tasks uuid[], p_models text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_key public.enterprise_api_keys;
    v_usage bigint;
BEGIN
    SELECT * INTO v_key FROM public.enterprise_api_keys WHERE api_key = p_key AND is_active;
    IF NOT FOUND OR public.get_total_available_credits(v_key.user_id) < p_cost * cardinality(p_tasks) THEN
        RETURN;
    END IF;
    INSERT INTO public.enterprise_api_usage (api_key_id, endpoint, ip, user_agent, request_id, minute_bucket)
    VALUES (v_key.id, '/api/enterprise/video-batch', '203.0.113.7', 'client/1', p_request, date_trunc('minute', NOW()))
    ON CONFLICT DO NOTHING RETURNING id INTO v_usage;
    IF v_usage IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, request_id, source, webhook_url)
    VALUES (p_batch, v_key.user_id, 'queued', cardinality(p_tasks), p_cost, p_request, 'enterprise', p_webhook);
    INSERT INTO public.video_tasks (id, user_id, model, prompt, batch_job_id, batch_index, aspect_ratio, duration)
    SELECT t.id, v_key.user_id, t.model, 'A lake in the morning', p_batch, t.number - 1, NULL, NULL
    FROM unnest(p_tasks, p_models) WITH ORDINALITY AS t (id, model, number);
    UPDATE public.enterprise_api_usage SET batch_job_id = p_batch WHERE id = v_usage;
END $$;

-- The same route where its tasks cannot be written: a failed batch without tasks, which is never frozen and never settled.
CREATE FUNCTION play.broken_batch(p_key text, p_batch uuid, p_count integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.batch_jobs (id, user_id, status, total_count, failed_count, cost_per_video, request_id, source, completed_at)
    SELECT p_batch, user_id, 'failed', p_count, p_count, 10, p_batch::text, 'enterprise', NOW() FROM public.enterprise_api_keys WHERE api_key = p_key
$$;

-- The consumer's route freezes by itself, and does not look at what it is answered. Its balance counts expired bonus.
CREATE FUNCTION play.consumer_batch(p_user uuid, p_batch uuid, p_cost integer, p_tasks uuid[], p_models text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.credit_wallet
        WHERE user_id = p_user AND permanent_credits + bonus_credits >= p_cost * cardinality(p_tasks))
    THEN
        RETURN;
    END IF;
    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, source)
    VALUES (p_batch, p_user, 'queued', cardinality(p_tasks), p_cost, 'consumer');
    PERFORM public.freeze_credits_for_batch(p_batch, p_user, p_cost * cardinality(p_tasks));
    INSERT INTO public.video_tasks (id, user_id, model, prompt, batch_job_id, batch_index)
    SELECT t.id, p_user, t.model, 'A lake in the morning', p_batch, t.number - 1
    FROM unnest(p_tasks, p_models) WITH ORDINALITY AS t (id, model, number);
END $$;

-- A task is handed to the provider.
CREATE FUNCTION play.submit(p_task uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_outcome text := (SELECT outcome FROM play.fate WHERE task_id = p_task);
BEGIN
    UPDATE public.video_tasks SET status = 'processing' WHERE id = p_task;
    CASE v_outcome
        WHEN 'lost' THEN NULL;
        WHEN 'refused' THEN
            UPDATE public.video_tasks SET status = 'failed', error_message = 'REMOTE_TASK_ID_MISSING', failure_type = 'model_error' WHERE id = p_task;
        WHEN 'network' THEN
            UPDATE public.video_tasks SET status = 'failed', error_message = 'fetch failed', failure_type = 'network' WHERE id = p_task;
        WHEN 'param' THEN
            UPDATE public.video_tasks SET status = 'failed', error_message = 'invalid prompt', failure_type = 'param_error' WHERE id = p_task;
        ELSE UPDATE public.video_tasks SET grsai_task_id = 'grsai-' || p_task WHERE id = p_task;
    END CASE;
END $$;

-- Claims the five oldest queued batches, freezes without looking at the answer, and starts ten tasks of each: the others never start.
CREATE FUNCTION play.dispatch(p_is_killed boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_batch public.batch_jobs;
    v_task uuid;
BEGIN
    FOR v_batch IN SELECT * FROM public.batch_jobs WHERE status = 'queued' ORDER BY created_at, id LIMIT 5 LOOP
        UPDATE public.batch_jobs SET status = 'processing', updated_at = NOW() WHERE id = v_batch.id AND status = 'queued';
        EXIT WHEN p_is_killed;
        PERFORM public.freeze_credits_for_batch(v_batch.id, v_batch.user_id, v_batch.total_count * v_batch.cost_per_video);
        FOR v_task IN SELECT id FROM public.video_tasks WHERE batch_job_id = v_batch.id AND status = 'pending' ORDER BY batch_index LIMIT 10 LOOP
            PERFORM play.submit(v_task);
        END LOOP;
    END LOOP;
END $$;

-- Asks for the 25 tasks that were touched longest ago, single videos among them.
CREATE FUNCTION play.poll() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_task record;
BEGIN
    FOR v_task IN
        SELECT t.id, t.poll_count, f.outcome, t.created_at + f.after <= NOW() AS is_there
        FROM public.video_tasks AS t JOIN play.fate AS f ON f.task_id = t.id
        WHERE t.status = 'processing' AND t.grsai_task_id IS NOT NULL ORDER BY t.updated_at, t.id LIMIT 25
    LOOP
        IF v_task.poll_count >= 20 THEN
            UPDATE public.video_tasks SET status = 'failed', error_message = 'MAX_POLL_COUNT_REACHED:20', failure_type = 'timeout'
            WHERE id = v_task.id;
            CONTINUE;
        END IF;
        UPDATE public.video_tasks SET poll_count = poll_count + 1, last_poll_at = NOW() WHERE id = v_task.id;
        IF NOT v_task.is_there THEN
            CONTINUE;
        END IF;
        IF v_task.outcome = 'succeeded' THEN
            UPDATE public.video_tasks SET status = 'succeeded', video_url = 'https://cdn.example.org/' || v_task.id, error_message = NULL,
                failure_type = NULL
            WHERE id = v_task.id;
        ELSIF v_task.outcome = 'failed' THEN
            UPDATE public.video_tasks SET status = 'failed', error_message = 'output_moderation', failure_type = 'unknown' WHERE id = v_task.id;
        END IF;
    END LOOP;
END $$;

-- The provider's callback, where no policy hides the row from it: it writes whatever the state is by now, settled or not.
CREATE FUNCTION play.callback(p_task uuid, p_status text) RETURNS void LANGUAGE sql AS $$
    UPDATE public.video_tasks SET status = p_status, progress = 100, completed_at = NOW(),
        failure_reason = CASE p_status WHEN 'failed' THEN 'output_moderation' END
    WHERE id = p_task AND grsai_task_id IS NOT NULL
$$;

-- The ten oldest processing batches: those with an open task, or without any, are passed over, and stay among the ten.
CREATE FUNCTION play.settle(p_is_killed boolean DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_batch public.batch_jobs;
    v_count record;
BEGIN
    FOR v_batch IN SELECT * FROM public.batch_jobs WHERE status = 'processing' ORDER BY created_at, id LIMIT 10 LOOP
        SELECT count(*) AS tasks, count(*) FILTER (WHERE status = 'succeeded') AS succeeded, count(*) FILTER (WHERE status = 'failed') AS failed
        INTO v_count FROM public.video_tasks WHERE batch_job_id = v_batch.id;
        CONTINUE WHEN v_count.tasks = 0 OR v_count.succeeded + v_count.failed < v_count.tasks;
        PERFORM public.finalize_batch_credits(v_batch.id, v_batch.user_id, (v_count.succeeded * v_batch.cost_per_video)::integer);
        CONTINUE WHEN p_is_killed;
        UPDATE public.batch_jobs SET success_count = v_count.succeeded, failed_count = v_count.failed,
            credits_spent = v_count.succeeded * cost_per_video, updated_at = NOW(),
            status = CASE v_count.failed WHEN 0 THEN 'completed' WHEN v_count.tasks THEN 'failed' ELSE 'partial' END
        WHERE id = v_batch.id;
    END LOOP;
END $$;

-- A single video. Where the deduction fails no policy lets the row be deleted: it stays pending, unpaid. The ledger does not name the task.
CREATE FUNCTION play.single(p_user uuid, p_task uuid, p_model text, p_cost integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.users WHERE id = p_user) THEN
        RETURN;
    END IF;
    INSERT INTO public.video_tasks (id, user_id, model, prompt) VALUES (p_task, p_user, p_model, 'A lake in the evening');
    IF (public.deduct_credits_from_wallet(p_user, p_cost, p_model) ->> 'success')::boolean THEN
        PERFORM play.submit(p_task);
    END IF;
END $$;

-- A payment is made good.
CREATE FUNCTION play.pay(p_user uuid, p_permanent integer, p_bonus integer, p_until timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT public.add_credits_to_wallet(id, p_permanent, p_bonus, p_until, false) FROM public.users WHERE id = p_user
$$;

-- An admin's adjustment; what it refuses is an error page.
CREATE FUNCTION play.adjust(p_user uuid, p_delta integer, p_type text, p_days integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.users WHERE id = p_user) THEN
        RETURN;
    END IF;
    PERFORM public.admin_adjust_user_credits(p_user, 'admin-1', p_delta, 'by hand', 'manual', NULL, NULL, p_type, p_days);
EXCEPTION WHEN raise_exception THEN
    NULL;
END $$;

-- A user's deletion takes everything along, unless an adjustment names the user.
CREATE FUNCTION play.remove(p_user uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM public.users WHERE id = p_user;
EXCEPTION WHEN foreign_key_violation THEN
    NULL;
END $$;

-- The consumer's route where its tasks could not be written: the batch goes, what the ledger says of it stays.
CREATE FUNCTION play.take_back(p_batch uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM public.video_tasks WHERE batch_job_id = p_batch;
    DELETE FROM public.batch_jobs WHERE id = p_batch;
END $$;

-- The application's own clock again.
CREATE FUNCTION play.leave() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_column record;
BEGIN
    FOR v_column IN SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND column_default = 'play.now()'
    LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER %I SET DEFAULT now()', v_column.table_name, v_column.column_name);
    END LOOP;
END $$;
