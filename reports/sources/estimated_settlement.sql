-- The settled batches of which nobody wrote down when they were settled, with the instant that is taken for it: the
-- captured one, else that of the first refund, else the end of the last task; of a batch without either, its creation.
-- Never updated_at of the batch, which any later write moves.
WITH silent AS /* divided: NOT */ MATERIALIZED (
    SELECT j.user_id, j.id, j.created_at, k.settled_at
    FROM batch_state AS j
    LEFT JOIN settlement_fact AS k ON k.user_id = j.user_id AND k.batch_id = j.id
    WHERE j.is_settled AND j.completed_at IS NULL
), returned AS /* divided: NOT */ MATERIALIZED (
    SELECT q.user_id, q.id, min(l.created_at) AS settled_at
    FROM silent AS q
    JOIN credit_ledger AS l ON l.user_id = q.user_id AND l.ref_id = q.id::text
    WHERE q.settled_at IS NULL AND l.ref_type = 'batch_refund'
    GROUP BY q.user_id, q.id
), ended AS (
    SELECT q.user_id, q.id, max(t.ended_at) AS settled_at
    FROM silent AS q
    JOIN dated_task AS t ON t.batch_job_id = q.id /* divided: AND t.user_id = q.user_id */
    WHERE q.settled_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM returned AS r WHERE r.user_id = q.user_id AND r.id = q.id)
    GROUP BY q.user_id, q.id
)
SELECT q.user_id, q.id AS batch_id, coalesce(q.settled_at, r.settled_at, e.settled_at, q.created_at) AS settled_at
FROM silent AS q
LEFT JOIN returned AS r ON r.user_id = q.user_id AND r.id = q.id
LEFT JOIN ended AS e ON e.user_id = q.user_id AND e.id = q.id
