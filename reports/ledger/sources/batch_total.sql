-- What the ledger says of each batch that its rows belong to or name, whether that is there or not: one pass over them.
-- A row of a batch that names none stands for itself. first_id, entries and moved are those of freezes and refunds,
-- and so are the models, of which the first and the last one in the order of their bytes say whether there are several.
SELECT r.user_id, coalesce(r.batch_reference, r.id::text) AS reference,
    (-sum(r.credits) FILTER (WHERE r.role = 'freeze'))::bigint AS freezes,
    (sum(r.credits) FILTER (WHERE r.role = 'refund'))::bigint AS refunds,
    (sum(r.credits) FILTER (WHERE r.role = 'purchase'))::bigint AS booked,
    (sum(r.entries) FILTER (WHERE r.role <> 'freeze'))::bigint AS returns,
    (sum(r.entries) FILTER (WHERE r.role = 'purchase'))::bigint AS booked_rows,
    (sum(r.entries) FILTER (WHERE r.role <> 'purchase'))::bigint AS entries,
    max(r.created_at) FILTER (WHERE r.role <> 'freeze') AS last_return_at,
    min(r.id) FILTER (WHERE r.role <> 'purchase') AS first_id,
    min(r.model COLLATE "C") FILTER (WHERE r.role <> 'purchase') AS first_model,
    max(r.model COLLATE "C") FILTER (WHERE r.role <> 'purchase') AS last_model
FROM batch_row AS r
GROUP BY r.user_id, coalesce(r.batch_reference, r.id::text)
