-- Every task whose clock starts in a period, on each clock that is asked for, with what became of it: the first line of
-- the table of definitions that applies. The terms are those of the owner's month that holds the instant of its clock;
-- is_judging marks the clock that the terms of its acceptance name, so that it is one whatever changes between the two.
-- A task without a model is of the default model of the same terms.
SELECT p.period, p.cutoff, c.clock, (c.clock = a.clock OR cardinality(:clocks::text[]) = 1) AS is_judging,
    t.id, t.user_id, t.batch_id, t.batch_index, d.model, t.model IS NULL AS is_model_missing, t.account, t.accepted_at,
    t.dispatched_at, t.cost,
    t.status, t.failure_type, t.failure_reason, c.started_at, e.is_terminal, t.is_estimated,
    t.has_ended, t.terminal_at IS NULL AS has_no_instant,
    CASE WHEN e.is_terminal THEN t.terminal_at END AS terminal_at,
    CASE WHEN e.is_terminal AND isfinite(t.terminal_at) AND isfinite(c.started_at)
        THEN (extract(epoch FROM t.terminal_at - c.started_at) * 1000000)::bigint END AS microseconds,
    CASE
        WHEN NOT e.is_terminal THEN
            CASE WHEN p.cutoff > c.started_at + l.max_duration THEN 'in_flight_over' ELSE 'undetermined' END
        WHEN t.terminal_at < c.started_at THEN 'clock_error'
        WHEN t.status = 'succeeded' THEN
            CASE WHEN t.terminal_at > c.started_at + l.max_duration THEN 'late' ELSE 'good' END
        WHEN r.input_refused AND (t.failure_reason = 'input_moderation' OR t.failure_type = 'param_error')
            THEN 'input_refused'
        WHEN t.cancelled_at <= p.cutoff AND t.cancelled_at > c.started_at + l.max_duration THEN 'cancelled_late'
        WHEN r.cancelled AND t.cancelled_at <= p.cutoff THEN 'cancelled'
        WHEN r.provider_outage AND t.failure_type IN ('model_error', 'network', 'timeout') AND EXISTS (
            SELECT FROM provider_outage AS o
            WHERE o.model = d.model AND t.terminal_at >= o.starts_at AND t.terminal_at < o.ends_at
        ) THEN 'provider_outage'
        WHEN t.failure_type = 'timeout' THEN 'timed_out'
        ELSE 'failed'
    END AS outcome
FROM task AS t
CROSS JOIN LATERAL (
    SELECT clock, CASE clock WHEN 'dispatch' THEN t.dispatched_at ELSE t.accepted_at END AS started_at
    FROM unnest(:clocks::text[]) AS clock
) AS c
LEFT JOIN owner_terms AS m ON m.user_id = t.user_id AND c.started_at >= m.from_at AND c.started_at < m.until_at
JOIN profile AS r ON r.profile = coalesce(m.profile, 0)
LEFT JOIN owner_terms AS n ON n.user_id = t.user_id AND t.accepted_at >= n.from_at AND t.accepted_at < n.until_at
JOIN profile AS a ON a.profile = coalesce(n.profile, 0)
CROSS JOIN LATERAL (SELECT coalesce(t.model, a.default_model) AS model) AS d
LEFT JOIN completion_limit AS l ON l.profile = r.profile AND l.model = d.model
JOIN period AS p ON c.started_at >= p.starts_at AND c.started_at < p.ends_at AND c.started_at <= p.cutoff
CROSS JOIN LATERAL (
    SELECT t.terminal_at IS NOT NULL AND t.terminal_at <= p.cutoff AS is_terminal
) AS e
-- A task that does not say when it was created has no month, whatever else is known of it.
WHERE t.accepted_at IS NOT NULL
