-- The accounts that are reported, by number, with the instants of their month: to its end, or to what is known at the
-- cutoff; when the month before it began; and whether every row before the month counts by itself. DISTINCT tells the
-- planner that an account comes once, so that it hashes them, not the rows.
SELECT DISTINCT ON (o.user_id) o.number::int AS account, o.user_id, o.starts_at, o.ends_at, o.before_starts_at,
    o.needs_history
FROM unnest(:owner_ids::uuid[], :period_starts::timestamptz[], :period_ends::timestamptz[],
    :before_starts::timestamptz[], :owners_with_history::boolean[])
    WITH ORDINALITY AS o (user_id, starts_at, ends_at, before_starts_at, needs_history, number)
