-- The accounts that are reported, by number, with the instants of their month: to its end, or to what is known at the cutoff.
SELECT o.number::int AS account, o.user_id, o.starts_at, o.ends_at
FROM unnest(:owner_ids::uuid[], :period_starts::timestamptz[], :period_ends::timestamptz[])
    WITH ORDINALITY AS o (user_id, starts_at, ends_at, number)
