-- Tasks that were given up though the provider may have them are asked for a while longer, by whichever workers live:
-- what was rendered all the same is noted, and never charged.

CREATE INDEX task_given_up ON daybook.task (ended_at) WHERE state IN ('timed_out', 'failed');

-- The tasks that were given up within so many seconds and have an id of the provider's: at their deadline, or because
-- nobody knew whether they were taken, where an id came later. Each falls to one of the workers that live, so that it
-- is asked for once; whoever comes and goes, the next look divides them anew. The first that were given up come first.
CREATE FUNCTION daybook.given_up(p_worker bigint, p_seconds bigint, p_limit integer)
RETURNS TABLE (user_id uuid, batch_id uuid, task_id uuid, model text, provider_task_id text) LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_since timestamptz := daybook.clock() - p_seconds * interval '1 second';
    v_workers bigint;
    v_place bigint;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE w.worker_id < p_worker) INTO v_workers, v_place
    FROM daybook.worker AS w WHERE w.state = 'live';
    IF v_workers = 0 THEN RETURN; END IF;
    RETURN QUERY
    SELECT t.user_id, t.batch_id, t.task_id, t.model, s.provider_task_id
    FROM daybook.task AS t
    CROSS JOIN LATERAL (
        SELECT s.provider_task_id, s.outcome FROM daybook.submission AS s
        WHERE s.user_id = t.user_id AND s.task_id = t.task_id AND s.provider_task_id IS NOT NULL
            AND s.late_success_at IS NULL
        ORDER BY s.attempt DESC LIMIT 1
    ) AS s
    WHERE t.state IN ('timed_out', 'failed') AND t.ended_at > v_since
        AND (t.state = 'timed_out' OR s.outcome = 'abandoned')
        AND (hashtextextended(t.task_id::text, 0) & 9223372036854775807) % v_workers = v_place
    ORDER BY t.ended_at, t.user_id, t.task_id
    LIMIT p_limit;
END $$;

REVOKE ALL ON FUNCTION daybook.given_up FROM PUBLIC;
