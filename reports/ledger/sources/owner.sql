-- Owners who have an account: slug, and what their contract says about refunds and batches that wait.
SELECT o.user_id, o.slug, make_interval(secs => o.refund_deadline) AS refund_deadline, make_interval(hours => o.stuck_after::int) AS stuck_after
FROM unnest(:owner_ids::uuid[], :owner_slugs::text[], :refund_deadlines::bigint[], :stuck_hours::bigint[])
    AS o (user_id, slug, refund_deadline, stuck_after)
