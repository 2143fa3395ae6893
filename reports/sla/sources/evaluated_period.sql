-- The months that are reported, up to the whole minute that is over at the cutoff.
SELECT period, starts_at, date_trunc('minute', greatest(starts_at, least(ends_at, cutoff))) AS ends_at
FROM period
