-- When maintenance was, of a target or (empty) of all of them, as far as it was announced in time. Windows that were
-- corrected count no longer; what took their place stands beside them.
SELECT coalesce(m.target, '') AS target, tstzrange(m.starts_at, m.ends_at) AS span
FROM maintenance_window AS m
WHERE m.announced_at <= m.starts_at - make_interval(hours => :maintenance_notice_hours::int)
    AND NOT EXISTS (
        SELECT 1 FROM maintenance_correction AS c
        WHERE c.starts_at = m.starts_at AND c.ends_at = m.ends_at AND c.announced_at = m.announced_at
            AND c.reason = m.reason AND c.target = m.target)
