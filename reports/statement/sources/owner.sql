-- The accounts that are reported, by number: the instants of their month, and the first instant of which nothing is known.
SELECT o.number::int AS account, o.user_id, o.starts_at, o.ends_at, o.known_until
FROM unnest(:owner_ids::uuid[], :period_starts::timestamptz[], :period_ends::timestamptz[], :known_untils::timestamptz[])
    WITH ORDINALITY AS o (user_id, starts_at, ends_at, known_until, number)
