-- What each batch was charged against what it delivered, less what a finding about its refunds names already.
SELECT c.*, c.delivered - (c.freezes - c.returned)
        - CASE WHEN r.are_judged THEN greatest(c.returned - c.owed, 0) ELSE 0 END AS unpaid,
    CASE WHEN c.is_settled THEN c.freezes - c.returned - c.delivered - greatest(c.owed - c.returned, 0) ELSE 0 END
        AS too_much,
    CASE WHEN c.tasks > 0 AND c.status <> 'queued' THEN c.cost - c.freezes ELSE 0 END AS short
FROM checked_batch AS c
CROSS JOIN LATERAL (SELECT c.is_settled OR (c.tasks > 0 AND c.open_tasks = 0) AS are_judged) AS r
