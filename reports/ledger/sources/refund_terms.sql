-- What an owner's contract says about refunds and batches that wait, in which stretch of time.
SELECT o.user_id, o.from_at, o.until_at, make_interval(secs => o.refund_deadline) AS refund_deadline,
    make_interval(hours => o.stuck_after::int) AS stuck_after
FROM unnest(:terms_owners::uuid[], :terms_from::timestamptz[], :terms_until::timestamptz[], :refund_deadlines::bigint[],
    :stuck_hours::bigint[]) AS o (user_id, from_at, until_at, refund_deadline, stuck_after)
