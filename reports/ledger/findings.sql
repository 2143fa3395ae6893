-- Every invariant of the money that is broken, with the row that breaks it and the credits at stake.
--
-- The large tables are read once for the batches, and the ledger once more in the order of its owners' rows. Most
-- batches are plain; those that are not, and those whose key is not theirs alone, are kept, and looked at from all
-- sides.
WITH repeated AS (
    SELECT b.user_id, b.request_id
    FROM batch_jobs AS b
    WHERE b.request_id IS NOT NULL AND (:only_user::uuid IS NULL OR b.user_id = :only_user::uuid)
    GROUP BY b.user_id, b.request_id
    HAVING count(*) > 1
), peculiar AS MATERIALIZED (
    SELECT c.*
    FROM charged_batch AS c
    LEFT JOIN repeated AS d ON d.user_id = c.user_id AND d.request_id = c.request_id
    WHERE c.is_plain IS NOT TRUE OR d.user_id IS NOT NULL
), suspect AS NOT MATERIALIZED (
    SELECT * FROM peculiar WHERE id IS NOT NULL
), owned AS MATERIALIZED (
    SELECT * FROM owner_total
), wallet AS (
    SELECT coalesce(w.user_id, l.user_id) AS user_id,
        coalesce(w.permanent_credits, 0)::bigint + coalesce(w.bonus_credits, 0) AS wallet,
        coalesce(l.ledger, 0) AS ledger,
        CASE WHEN w.bonus_expires_at <= :snapshot_at::timestamptz THEN coalesce(w.bonus_credits, 0) ELSE 0 END
            AS expired,
        w.bonus_expires_at
    FROM credit_wallet AS w
    FULL JOIN owned AS l ON l.user_id = w.user_id
    WHERE :has_wallets AND (:only_user::uuid IS NULL OR coalesce(w.user_id, l.user_id) = :only_user::uuid)
), bucket AS (
    SELECT coalesce(w.user_id, o.user_id) AS user_id, coalesce(w.permanent_credits, 0)::bigint AS permanent,
        coalesce(w.bonus_credits, 0)::bigint AS bonus, coalesce(o.purchased, 0) AS permanent_lots,
        coalesce(o.bonus, 0) AS bonus_lots
    FROM credit_wallet AS w
    FULL JOIN lot_total AS o ON o.user_id = w.user_id
    WHERE :has_wallets AND :has_lots
        AND (:only_user::uuid IS NULL OR coalesce(w.user_id, o.user_id) = :only_user::uuid)
), finding AS (
    SELECT CASE WHEN returns > 1 THEN 'double_refund' ELSE 'over_refund' END AS finding, user_id, id::text AS reference,
        (returned - owed)::bigint AS credits, format('owed %s, given back %s in %s rows', owed, returned, returns)
            AS detail
    FROM suspect
    WHERE returned > owed AND (is_settled OR (tasks > 0 AND open_tasks = 0))
    UNION ALL
    SELECT CASE WHEN returns > 0 THEN 'short_refund' ELSE 'missing_refund' END, user_id, id::text,
        (owed - returned)::bigint,
        format('owed %s, given back %s', owed, returned)
    FROM suspect
    WHERE returned < owed AND is_settled
    UNION ALL
    SELECT 'late_refund', user_id, id::text, NULL,
        format('last task ended at %s, last refund posted at %s', last_ended_at, last_return_at)
    FROM suspect
    WHERE returned = owed AND owed > 0 AND returns > 0 AND tasks > 0 AND open_tasks = 0
        AND last_return_at > last_ended_at + refund_deadline
    UNION ALL
    SELECT 'refund_booked_as_purchase', user_id, id::text, NULL,
        format('%s credits came back as %s purchase(s)', booked, booked_rows)
    FROM suspect
    WHERE booked_rows > 0
    UNION ALL
    SELECT 'freeze_disagrees', user_id, id::text, abs(frozen - freezes)::bigint,
        format('the batch says %s frozen, the ledger %s', frozen, freezes)
    FROM suspect
    WHERE frozen <> freezes
    UNION ALL
    SELECT 'spent_disagrees', user_id, id::text, abs(credits_spent - delivered)::bigint,
        format('the batch says %s spent, its succeeded tasks cost %s', credits_spent, delivered)
    FROM suspect
    WHERE is_settled AND credits_spent <> delivered
    UNION ALL
    SELECT 'batch_counts_disagree', user_id, id::text, NULL,
        format('the batch counts %s tasks, %s succeeded, %s failed; there are %s, %s and %s', total_count,
            success_count, failed_count, tasks,
            succeeded, failed)
    FROM suspect
    WHERE is_settled AND tasks > 0 AND (total_count <> tasks OR success_count <> succeeded OR failed_count <> failed)
    UNION ALL
    SELECT CASE WHEN unpaid > 0 THEN 'delivered_unpaid' WHEN too_much > 0 THEN 'charge_differs' ELSE 'freeze_short' END,
        user_id, id::text,
        (CASE WHEN unpaid > 0 THEN unpaid WHEN too_much > 0 THEN too_much ELSE short END)::bigint,
        format('%s frozen, %s given back, %s delivered; its tasks cost %s', freezes, returned, delivered, cost)
    FROM suspect
    WHERE unpaid > 0 OR too_much > 0 OR short > 0
    UNION ALL
    SELECT 'stuck_batch', user_id, id::text, greatest(freezes - refunds, 0)::bigint,
        format('no live task since %s, and not settled', coalesce(last_ended_at, created_at))
    FROM suspect
    WHERE NOT is_settled AND open_tasks = 0 AND (tasks > 0 OR freezes - refunds > 0)
        AND :snapshot_at::timestamptz > coalesce(last_ended_at, created_at) + stuck_after
    UNION ALL
    SELECT 'stuck_batch', user_id, id::text, CASE WHEN NOT is_settled THEN greatest(freezes - refunds, 0) END::bigint,
        format('%s of %s tasks still open, of a batch created at %s', open_tasks, tasks, created_at)
    FROM suspect
    WHERE open_tasks > 0 AND :snapshot_at::timestamptz > created_at + stuck_after
    UNION ALL
    SELECT 'ledger_model_disagrees', user_id, id::text, NULL,
        'a freeze or refund row names another model than the tasks of its batch'
    FROM suspect
    WHERE model_disagrees
    UNION ALL
    SELECT 'duplicate_request_id', user_id, request_id,
        greatest(sum(freezes - refunds) FILTER (WHERE number > 1), 0)::bigint,
        format('%s batches, the first is %s', count(*), (array_agg(id ORDER BY number))[1])
    FROM (
        SELECT user_id, request_id, id, freezes, refunds,
            row_number() OVER (PARTITION BY user_id, request_id ORDER BY created_at, id) AS number
        FROM suspect
        WHERE request_id IS NOT NULL
    ) AS r
    GROUP BY user_id, request_id
    HAVING count(*) > 1
    UNION ALL
    SELECT 'completed_before_created', user_id, id::text, NULL,
        format('created at %s, ended at %s', created_at, ended_at)
    FROM checked_task
    WHERE ended_at < created_at AND batch_id IS NOT NULL AND (:only_user::uuid IS NULL OR user_id = :only_user::uuid)
    UNION ALL
    SELECT 'ledger_without_batch', user_id, reference, abs(refunds - freezes)::bigint,
        format('%s ledger row(s), the first is %s', entries, first_id)
    FROM peculiar
    WHERE id IS NULL
    UNION ALL
    SELECT 'refund_without_charge', r.user_id, coalesce(nullif(r.ref_id, ''), r.id::text),
        (sum(r.credits) - coalesce(min(s.credits), 0))::bigint,
        format('%s refund row(s) gave back %s, and what they name took %s', count(*), sum(r.credits),
            coalesce(min(s.credits), 0))
    FROM checked_return AS r
    LEFT JOIN (
        SELECT user_id, ref_id, -sum(credits_delta)::bigint AS credits
        FROM single_spend
        WHERE created_at <= :snapshot_at::timestamptz
        GROUP BY user_id, ref_id
    ) AS s ON s.user_id = r.user_id AND s.ref_id = r.ref_id AND r.ref_id <> ''
    GROUP BY r.user_id, coalesce(nullif(r.ref_id, ''), r.id::text)
    HAVING sum(r.credits) > coalesce(min(s.credits), 0)
    UNION ALL
    SELECT 'negative_balance', user_id, user_id::text, (-lowest)::bigint,
        format('below 0 from entry %s on, at %s', below_id, below_at)
    FROM owned
    WHERE lowest < 0
    UNION ALL
    SELECT 'closed_months_disagree', user_id, month::text, abs(opening_balance - coalesce(closing_before, 0))::bigint,
        format('begins at %s with %s credits; the month before was closed to %s with %s', period_start, opening_balance,
            end_before,
            closing_before)
    FROM closed_month
    WHERE month_before IS NOT NULL
        AND (month_before + interval '1 month' <> month OR end_before <> period_start
            OR closing_before <> opening_balance)
    UNION ALL
    SELECT 'wallet_drift', user_id, user_id::text, abs(wallet - ledger)::bigint,
        format('the wallet holds %s, the ledger adds up to %s', wallet, ledger)
    FROM wallet
    WHERE wallet <> ledger
    UNION ALL
    SELECT 'lots_disagree', user_id, user_id::text, abs(permanent - permanent_lots) + abs(bonus - bonus_lots),
        format('the wallet holds %s and %s of bonus, the lots %s and %s', permanent, bonus, permanent_lots, bonus_lots)
    FROM bucket
    WHERE permanent <> permanent_lots OR bonus <> bonus_lots
    UNION ALL
    SELECT 'posted_in_future', l.user_id, l.id::text, abs(l.credits_delta)::bigint,
        format('a row of %s credits (%s) is dated %s', l.credits_delta, l.type, l.created_at)
    FROM credit_ledger AS l
    WHERE l.created_at > :snapshot_at::timestamptz AND (:only_user::uuid IS NULL OR l.user_id = :only_user::uuid)
    UNION ALL
    SELECT 'expired_bonus_not_swept', w.user_id, w.user_id::text,
        CASE WHEN g.lots > 0 THEN g.expired ELSE w.expired END::bigint,
        format('bonus credit that expired at %s is still there', coalesce(g.expired_at, w.bonus_expires_at))
    FROM wallet AS w
    CROSS JOIN LATERAL (
        SELECT count(*) AS lots, coalesce(sum(l.remaining) FILTER (WHERE l.expires_at <= :snapshot_at::timestamptz), 0)
            AS expired,
            min(l.expires_at) FILTER (WHERE l.remaining > 0) AS expired_at
        FROM lot AS l
        WHERE l.user_id = w.user_id AND l.kind = 'bonus'
    ) AS g
    WHERE CASE WHEN g.lots > 0 THEN g.expired ELSE w.expired END > 0
)
SELECT f.finding, f.reference, f.credits, coalesce(o.slug, '(none)') AS account, f.detail
FROM finding AS f
LEFT JOIN owner AS o ON o.user_id = f.user_id
ORDER BY f.finding COLLATE "C", f.reference COLLATE "C" NULLS FIRST, f.credits, f.detail COLLATE "C"
