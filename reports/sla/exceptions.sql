-- What of the month's batches, charges and keys had to be set aside or estimated; task_exceptions has its tasks.
-- account is null where a row is about no single owner; a number of such rows is one of each owner where owners are
-- judged apart.
WITH month_batch AS MATERIALIZED (
    SELECT period, cutoff, id, user_id, account, frozen, refunded, freeze_rows, delivered, cost, tasks, open_tasks,
        last_terminal_at,
        stuck_after, charge, is_settled, is_settlement_estimated, has_begun
    FROM judged_batch
    -- Those of which anything is said below.
    WHERE tasks = 0 OR (open_tasks = 0 AND NOT is_settled) OR is_settlement_estimated OR charge IS NOT NULL
        OR freeze_rows > frozen
), set_aside AS (
    SELECT 'batch_without_tasks' AS kind, account, id::text AS reference,
        'set aside: ' || frozen || ' credits frozen, ' || refunded || ' refunded, no task' AS detail
    FROM month_batch
    WHERE tasks = 0
    UNION ALL
    SELECT 'batch_never_settled', account, id::text,
        'its last task ended at ' || last_terminal_at || ', and it is not settled'
    FROM month_batch
    WHERE tasks > 0 AND open_tasks = 0 AND NOT is_settled AND cutoff > last_terminal_at + stuck_after
    UNION ALL
    SELECT 'settlement_instant_estimated', CASE WHEN :owners_apart::boolean THEN account END AS whose, NULL,
        count(*)::text
    FROM month_batch
    WHERE is_settlement_estimated
    GROUP BY whose
    UNION ALL
    -- Named with every promise that the batch broke, since it is listed once.
    SELECT charge, account, id::text,
        CASE charge
            WHEN 'delivered_unpaid' THEN (delivered - freeze_rows + refunded)
                || ' credits were delivered and not paid for: '
            WHEN 'charge_differs' THEN (freeze_rows - refunded - delivered)
                || ' credits were charged and not delivered: '
            ELSE (cost - freeze_rows) || ' credits of its tasks were not frozen: '
        END || 'frozen ' || freeze_rows || ', refunded ' || refunded || ', delivered ' || delivered
            || ', all tasks cost ' || cost
        || CASE WHEN is_settled AND freeze_rows - refunded <> delivered THEN '; breaks pay_for_success' ELSE '' END
        || CASE WHEN has_begun AND freeze_rows < cost THEN '; breaks financial_safety' ELSE '' END
    FROM month_batch
    WHERE charge IS NOT NULL
    UNION ALL
    -- The batches of a key in the order in which they came; the first ten are named.
    SELECT 'duplicate_request_id', k.account, k.request_id,
        k.batches || ' batches have this key: ' || array_to_string(k.first_batches, ', ')
        || CASE WHEN k.batches > 10 THEN ' and others' ELSE '' END || '; breaks idempotency'
    FROM batch_key AS k
    WHERE k.batches > 1
    UNION ALL
    SELECT 'over_frozen', account, id::text,
        (freeze_rows - frozen) || ' credits more were frozen than for once: frozen ' || freeze_rows || ', to be frozen '
            || frozen
            || '; breaks idempotency'
    FROM month_batch
    WHERE freeze_rows > frozen
    UNION ALL
    SELECT 'charge_without_batch', coalesce(o.account, 0), coalesce(l.ref_id, l.id::text),
        'ledger entry ' || l.id || ' of ' || l.credits_delta || ' credits names a batch that does not exist'
    FROM credit_ledger AS l
    JOIN period AS p ON l.created_at >= p.starts_at AND l.created_at < p.ends_at AND l.created_at <= p.cutoff
    LEFT JOIN owner AS o ON o.user_id = l.user_id
    WHERE l.ref_type = 'batch_upfront' AND NOT EXISTS (
        SELECT 1 FROM batch_jobs AS b
        WHERE b.id::text = l.ref_id AND (b.created_at IS NULL OR b.created_at <= p.cutoff)
            /* divided: AND b.user_id = l.user_id */
    )
        AND (:only_users::uuid[] IS NULL OR l.user_id = ANY (:only_users::uuid[]))
    UNION ALL
    SELECT 'owner_without_account', NULL, NULL, count(*)::text
    FROM (
        SELECT DISTINCT user_id FROM period_batch WHERE account = 0
        UNION
        SELECT user_id FROM judged_stranger
    ) AS stranger
    HAVING count(*) > 0
)
SELECT kind, account, reference, detail
FROM set_aside
ORDER BY kind COLLATE "C", account NULLS FIRST, reference COLLATE "C" NULLS FIRST, detail COLLATE "C"
