-- The months that are reported, each with the cutoff it is judged at.
SELECT p.number::int AS period, p.starts_at, p.ends_at, p.cutoff
FROM unnest(:period_starts::timestamptz[], :period_ends::timestamptz[], :cutoffs::timestamptz[])
    WITH ORDINALITY AS p (starts_at, ends_at, cutoff, number)
