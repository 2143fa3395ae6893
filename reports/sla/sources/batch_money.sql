-- What the ledger says of each batch by the cutoff: its freeze rows and the refunds that its settlement posted.
SELECT b.id AS batch_id, /* divided: b.user_id, */
    coalesce(-sum(l.credits_delta) FILTER (WHERE l.ref_type = 'batch_upfront'), 0)::bigint AS freeze_rows,
    coalesce(sum(l.credits_delta) FILTER (WHERE l.ref_type = 'batch_refund'), 0)::bigint AS refunded,
    max(l.created_at) FILTER (WHERE l.ref_type = 'batch_refund') AS last_refund_at
FROM period_batch AS b
JOIN credit_ledger AS l
    ON l.ref_id = b.id::text AND l.ref_type IN ('batch_upfront', 'batch_refund') AND l.created_at <= b.cutoff
    /* divided: AND l.user_id = b.user_id */
GROUP BY b.id /* divided: , b.user_id */
