-- Contract profiles by number; 0 is the standard one, which judges everybody who has no account.
SELECT p.number::int - 1 AS profile, p.clock, p.default_model, p.input_refused, p.cancelled, p.provider_outage,
    make_interval(secs => p.refund_deadline) AS refund_deadline,
    make_interval(hours => p.stuck_after::int) AS stuck_after
FROM unnest(
    :profile_clocks::text[], :profile_default_models::text[], :profile_input_refused::boolean[],
    :profile_cancelled::boolean[],
    :profile_provider_outage::boolean[], :profile_refund_deadlines::bigint[], :profile_stuck_after::bigint[]
) WITH ORDINALITY AS p (clock, default_model, input_refused, cancelled, provider_outage, refund_deadline, stuck_after,
number)
