-- When maintenance of each probed target was, its own and that of all of them, as far as it was announced in time:
-- overlapping windows count once. Windows that were corrected count no longer; what took their place stands beside
-- them.
SELECT t.target, coalesce(range_agg(w.span), '{}'::tstzmultirange) AS windows
FROM (SELECT DISTINCT target FROM probed_target) AS t
LEFT JOIN (
    SELECT coalesce(m.target, '') AS target, tstzrange(m.starts_at, m.ends_at) AS span
    FROM maintenance_window AS m
    WHERE m.announced_at <= m.starts_at - make_interval(hours => :maintenance_notice_hours::int)
        AND NOT EXISTS (
            SELECT 1 FROM maintenance_correction AS c
            WHERE c.starts_at = m.starts_at AND c.ends_at = m.ends_at AND c.announced_at = m.announced_at
                AND c.reason = m.reason AND c.target = m.target)
) AS w ON w.target IN ('', t.target)
GROUP BY t.target
