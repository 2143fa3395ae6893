-- The drill-down: every task of the completion figures on the clock that judges it, with its class; owner after owner
-- where they are judged apart.
SELECT id::text AS task_id, account, model, batch_id::text AS batch_id, batch_index, accepted_at, dispatched_at,
    terminal_at, microseconds,
    CASE WHEN is_terminal THEN status WHEN status = 'pending' THEN 'pending' ELSE 'processing' END AS status,
    CASE WHEN is_terminal THEN failure_type END AS failure_type,
    CASE WHEN outcome IN ('clock_error', 'input_refused', 'cancelled', 'provider_outage') THEN 'excluded'
        ELSE outcome END AS class,
    CASE WHEN outcome IN ('clock_error', 'input_refused', 'cancelled', 'provider_outage') THEN outcome END AS reason
FROM judged_task
WHERE is_judging
ORDER BY CASE WHEN :owners_apart::boolean THEN account END, id
