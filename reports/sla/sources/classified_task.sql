-- Tasks on each clock that is asked for, with the month that the instant of its clock lies in, and with what became of
-- them: the first line of the table of definitions that applies. The terms are those of the owner's month that holds
-- that instant; is_judging marks the clock that the terms of its acceptance name, so that it is one whatever changes
-- between the two. A task without a model is of the default model of the same terms.
--
-- Months come in the order of time. What lies in none of them has no period; it is here at all only where the tasks of
-- the months' batches are asked for, wherever these lie themselves.
--
-- Every step keeps all of its rows and is worked out as it stands (OFFSET 0): joins with a contract's few rows would
-- otherwise let the planner take a month's tasks for a handful.
SELECT c.*,
    CASE c.outcome
        WHEN 'clock_error' THEN 'ended before it began, at ' || c.terminal_at || '; its clock started at '
            || c.started_at
        WHEN 'input_refused' THEN 'the input was refused, so there was nothing to complete'
        WHEN 'provider_outage' THEN 'failed inside a recorded outage of ' || c.model || ', at ' || c.terminal_at
    END AS set_aside,
    -- A cell holds 32,767 UTF-16 units; characters beyond the first plane take two.
    CASE WHEN c.is_terminal AND octet_length(c.failure_type) > 32767
        AND length(c.failure_type) + length(regexp_replace(c.failure_type, '[^\U00010000-\U0010FFFF]', '', 'g')) > 32767
        THEN 'tasks, failure_type: ' || length(c.failure_type)
            || ' characters are whole in the CSV file, and cut in the workbook'
    END AS cell_cut
FROM (
    SELECT p.period, p.cutoff, s.clock,
        (cardinality(:clocks::text[]) = 1 OR s.clock = (:profile_clocks::text[])[s.accepted_under]) AS is_judging,
        s.id, s.user_id, s.batch_id, s.batch_index, s.named_model AS model, s.model IS NULL AS is_model_missing,
        s.account, s.accepted_at, s.dispatched_at, s.cost, s.status, s.failure_type, s.failure_reason, s.started_at,
        s.terminal_at IS NOT NULL AND s.terminal_at <= p.cutoff AS is_terminal, s.is_estimated, s.has_ended,
        s.terminal_at, s.has_batch, s.batch_created_at, s.judged_under,
        CASE
            WHEN p.period IS NULL THEN NULL
            WHEN s.terminal_at IS NULL OR s.terminal_at > p.cutoff THEN
                CASE WHEN p.cutoff > s.started_at + s.max_duration THEN 'in_flight_over' ELSE 'undetermined' END
            WHEN s.terminal_at < s.started_at THEN 'clock_error'
            WHEN s.status = 'succeeded' THEN
                CASE WHEN s.terminal_at > s.started_at + s.max_duration THEN 'late' ELSE 'good' END
            WHEN (:profile_input_refused::boolean[])[s.judged_under]
                AND (s.failure_reason = 'input_moderation' OR s.failure_type = 'param_error') THEN 'input_refused'
            WHEN s.cancelled_at <= p.cutoff AND s.cancelled_at > s.started_at + s.max_duration THEN 'cancelled_late'
            WHEN (:profile_cancelled::boolean[])[s.judged_under] AND s.cancelled_at <= p.cutoff THEN 'cancelled'
            WHEN (:profile_provider_outage::boolean[])[s.judged_under]
                AND s.failure_type IN ('model_error', 'network', 'timeout') AND EXISTS (
                    SELECT 1 FROM known_outage AS o
                    WHERE o.model = s.named_model AND s.terminal_at >= o.starts_at AND s.terminal_at < o.ends_at
                ) THEN 'provider_outage'
            WHEN s.failure_type = 'timeout' THEN 'timed_out'
            ELSE 'failed'
        END AS outcome
    FROM (
        SELECT t.*, coalesce(t.model, (:profile_default_models::text[])[t.accepted_under]) AS named_model,
            l.max_duration,
            CASE WHEN t.accepted_at IS NOT NULL THEN
                CASE cardinality(:period_starts::timestamptz[])
                WHEN 1 THEN CASE WHEN t.started_at >= (:period_starts::timestamptz[])[1] THEN 1 END
                ELSE width_bucket(t.started_at, :period_starts::timestamptz[]) END END AS month
        FROM (
            -- The place, from 1, of the contract profile that judges a task, and of that of its acceptance.
            SELECT c.*,
                coalesce(c.only_profile, c.profiles[width_bucket(c.started_at, c.from_at)], 0) + 1 AS judged_under,
                coalesce(CASE WHEN c.accepted_at < 'infinity'
                    THEN coalesce(c.only_profile, c.profiles[width_bucket(c.accepted_at, c.from_at)]) END, 0) + 1
                    AS accepted_under
            FROM (
                SELECT k.*, c.clock, CASE WHEN c.is_dispatch THEN k.dispatched_at ELSE k.accepted_at END AS started_at
                FROM known_task AS k
                CROSS JOIN (
                    SELECT u.clock, u.clock = 'dispatch' AS is_dispatch
                    FROM unnest(:clocks::text[]) AS u (clock)
                    OFFSET 0
                ) AS c
                OFFSET 0
            ) AS c
        ) AS t
        LEFT JOIN completion_limit AS l ON l.profile + 1 = t.judged_under
            AND l.model = coalesce(t.model, (:profile_default_models::text[])[t.accepted_under])
        -- As one CASE, of which the planner expects half of the rows.
        WHERE CASE
            WHEN t.started_at >= (:period_starts::timestamptz[])[1]
                AND t.started_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])] THEN true
            ELSE :with_batch_tasks::boolean AND (
                t.accepted_at IS NULL OR t.batch_created_at >= (:period_starts::timestamptz[])[1]
                    AND t.batch_created_at < (:period_ends::timestamptz[])[cardinality(:period_ends::timestamptz[])])
        END
        OFFSET 0
    ) AS s
    -- The values of one month alone are constants to the planner.
    CROSS JOIN LATERAL (
        SELECT CASE cardinality(:cutoffs::timestamptz[])
            WHEN 1 THEN (:cutoffs::timestamptz[])[1] ELSE (:cutoffs::timestamptz[])[s.month] END AS cutoff,
            CASE cardinality(:period_ends::timestamptz[])
            WHEN 1 THEN (:period_ends::timestamptz[])[1] ELSE (:period_ends::timestamptz[])[s.month] END AS ends_at
    ) AS e
    CROSS JOIN LATERAL (
        SELECT e.cutoff,
            CASE WHEN s.month > 0 AND s.started_at < e.ends_at AND s.started_at <= e.cutoff THEN s.month END AS period
    ) AS p
    OFFSET 0
) AS c
