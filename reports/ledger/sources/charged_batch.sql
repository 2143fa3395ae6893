-- What each batch was charged against what it delivered, less what a finding about its refunds names already.
--
-- is_plain is true where nothing is to be found: it was settled, all of it has ended, and everything that is said twice
-- is the same. Whatever else it is, it is looked at closely. A batch that only the ledger knows is plain where no
-- freeze or refund names it.
SELECT g.*, CASE
        WHEN g.id IS NULL THEN g.entries = 0
        ELSE g.is_settled AND g.open_tasks = 0 AND g.frozen = g.freezes AND g.returned = g.owed AND g.booked_rows = 0
            AND g.credits_spent = g.delivered AND g.total_count = g.tasks AND g.success_count = g.succeeded
            AND g.failed_count = g.failed AND g.unpaid <= 0 AND g.too_much <= 0 AND g.short <= 0
            AND NOT g.model_disagrees AND (g.last_return_at > g.last_ended_at + g.refund_deadline) IS NOT TRUE
    END AS is_plain
FROM (
    SELECT c.*, c.delivered - (c.freezes - c.returned)
            - CASE WHEN r.are_judged THEN greatest(c.returned - c.owed, 0) ELSE 0 END AS unpaid,
        CASE WHEN c.is_settled THEN c.freezes - c.returned - c.delivered - greatest(c.owed - c.returned, 0) ELSE 0 END
            AS too_much,
        CASE WHEN c.tasks > 0 AND c.status <> 'queued' THEN c.cost - c.freezes ELSE 0 END AS short
    FROM checked_batch AS c
    CROSS JOIN LATERAL (SELECT c.is_settled OR (c.tasks > 0 AND c.open_tasks = 0) AS are_judged) AS r
) AS g
