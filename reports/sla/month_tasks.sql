-- Every task that a figure of the month is counted from, read once: those whose clock starts in it, and all others of
-- its batches. Tasks that count alike are one row, with how many they are and with the times that they took, so that a
-- row goes out for some hundred tasks: they began on one day of the report's zone, from 1, and those that failed did so
-- for one cause. A clock that starts where the other one does is not counted by itself: is_both
-- says that it counts on both. What a batch's tasks come to is counted on the clock of the dispatch, where each task is
-- once.
--
-- last_terminal_at and durations are of tasks that were terminal at the cutoff; durations are of those that succeeded
-- and whose two instants are known. marks adds up: 1 is judging, 2 counts on both clocks, 4 is on the clock of the
-- dispatch, 8 has succeeded, 16 has an estimated end, 32 has ended nobody knows when, 64 names no model, 128 is of no
-- batch, 256 does not say when it was created, 512 was terminal at the cutoff; 1024 times so much is the place, from
-- 0, of the contract profile that judges it.
SELECT t.account, t.model, t.outcome, t.marks, count(*) AS tasks, t.cost, t.batch_id,
    max(t.terminal_at) AS last_terminal_at,
    array_agg(t.terminal_at - t.started_at) FILTER (
        WHERE t.outcome IN ('good', 'late') AND isfinite(t.terminal_at) AND isfinite(t.started_at)) AS durations,
    t.stranger, t.id, t.set_aside, t.cell_cut, t.day, t.cause
FROM (
    -- Names that are equal in a collation need not be the same.
    SELECT t.account, /* divided: t.user_id, */ t.model COLLATE "C" AS model, t.outcome, t.started_at, t.cost,
        CASE WHEN t.terminal_at <= (:cutoffs::timestamptz[])[1] THEN t.terminal_at END AS terminal_at,
        CASE WHEN t.batch_created_at >= (:period_starts::timestamptz[])[1]
            AND t.batch_created_at < (:period_ends::timestamptz[])[1]
            AND t.batch_created_at <= (:cutoffs::timestamptz[])[1]
            AND t.clock = 'dispatch' AND (t.accepted_at IS NULL OR t.accepted_at <= (:cutoffs::timestamptz[])[1])
            THEN t.batch_id END AS batch_id,
        CASE WHEN t.is_judging OR b.is_both THEN 1 ELSE 0 END
            + CASE WHEN b.is_both THEN 2 ELSE 0 END
            + CASE WHEN t.clock = 'dispatch' THEN 4 ELSE 0 END
            + CASE WHEN t.status = 'succeeded' THEN 8 ELSE 0 END
            + CASE WHEN t.is_estimated THEN 16 ELSE 0 END
            + CASE WHEN t.terminal_at <= (:cutoffs::timestamptz[])[1] THEN 512 ELSE 0 END
            + 1024 * (t.judged_under - 1)
            -- What is rare is looked at together first.
            + CASE WHEN t.is_model_missing OR NOT t.has_batch OR t.accepted_at IS NULL OR t.terminal_at IS NULL THEN
                CASE WHEN t.has_ended AND t.terminal_at IS NULL THEN 32 ELSE 0 END
                + CASE WHEN t.is_model_missing THEN 64 ELSE 0 END
                + CASE WHEN NOT t.has_batch THEN 128 ELSE 0 END
                + CASE WHEN t.accepted_at IS NULL THEN 256 ELSE 0 END
            ELSE 0 END AS marks,
        CASE WHEN t.account = 0 THEN t.user_id END AS stranger,
        CASE WHEN t.outcome <> 'good' AND t.set_aside IS NOT NULL OR t.cell_cut IS NOT NULL THEN t.id END AS id,
        CASE WHEN t.outcome <> 'good' THEN t.set_aside END AS set_aside, t.cell_cut,
        CASE WHEN t.outcome IS NOT NULL THEN width_bucket(t.started_at, :day_starts::timestamptz[])::bigint END AS day,
        CASE WHEN t.outcome = 'failed' THEN
            CASE WHEN t.failure_reason = 'output_moderation' THEN 'output_moderation'
                WHEN t.failure_type IN ('model_error', 'network', 'param_error') THEN t.failure_type
                WHEN t.failure_reason = 'error' THEN 'error'
                ELSE 'other' END
        END AS cause,
        -- A type without an order: PostgreSQL hashes what is grouped by it, and never sorts a month's tasks.
        '0'::xid AS unordered
    FROM classified_task AS t
    CROSS JOIN LATERAL (SELECT t.dispatched_at IS NOT DISTINCT FROM t.accepted_at AS is_both) AS b
    WHERE t.clock = 'dispatch' OR NOT b.is_both
) AS t
GROUP BY t.account, t.model, t.outcome, t.marks, t.cost, t.batch_id, t.stranger, t.id, t.set_aside, t.cell_cut,
    t.day, t.cause, t.unordered /* divided: , t.user_id */
