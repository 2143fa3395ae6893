-- Every task of a batch whose clock starts in a period, on each clock that is asked for, with what became of it.
SELECT t.period, t.cutoff, t.clock, t.is_judging, t.id, t.user_id, t.batch_id, t.batch_index, t.model,
    t.is_model_missing, t.account, t.accepted_at, t.dispatched_at, t.cost, t.status, t.failure_type, t.failure_reason,
    t.started_at, t.is_terminal, t.is_estimated, t.has_ended, t.terminal_at IS NULL AS has_no_instant,
    CASE WHEN t.is_terminal THEN t.terminal_at END AS terminal_at,
    CASE WHEN t.is_terminal AND isfinite(t.terminal_at) AND isfinite(t.started_at)
        THEN (extract(epoch FROM t.terminal_at - t.started_at) * 1000000)::bigint END AS microseconds,
    t.outcome, t.set_aside, t.cell_cut
FROM classified_task AS t
-- A task that does not say when it was created has no month, whatever else is known of it.
WHERE t.period IS NOT NULL AND t.has_batch
