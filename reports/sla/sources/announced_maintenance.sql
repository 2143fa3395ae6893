-- When maintenance was, as far as it was announced in time: overlapping windows count once.
SELECT coalesce(range_agg(tstzrange(starts_at, ends_at)), '{}'::tstzmultirange) AS windows
FROM maintenance_window
WHERE announced_at <= starts_at - make_interval(hours => :maintenance_notice_hours::int)
