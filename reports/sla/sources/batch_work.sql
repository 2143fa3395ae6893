-- What the tasks of each batch came to by the cutoff, recounted from the tasks: those of its own owner alone where
-- owners are judged apart.
SELECT b.id AS batch_id, /* divided: b.user_id, */ NULL::bigint AS account, count(*) AS tasks,
    count(*) FILTER (WHERE t.terminal_at IS NULL OR t.terminal_at > b.cutoff) AS open_tasks,
    coalesce(sum(t.cost), 0)::bigint AS cost,
    coalesce(sum(t.cost) FILTER (WHERE t.status = 'succeeded' AND t.terminal_at <= b.cutoff), 0)::bigint AS delivered,
    max(t.terminal_at) AS last_terminal_at
FROM period_batch AS b
JOIN task AS t ON t.batch_id = b.id AND (t.accepted_at IS NULL OR t.accepted_at <= b.cutoff)
    /* divided: AND t.user_id = b.user_id */ AND (NOT :owners_apart::boolean OR t.user_id = b.user_id)
GROUP BY b.id /* divided: , b.user_id */
