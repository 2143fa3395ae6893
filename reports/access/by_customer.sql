-- Accesses by customer and action: the rows that are there, and the totals of those that a purge has taken.
-- Totals know neither videos nor instants, so what they would have to say of them is empty.
SELECT c.account, sum(accesses)::bigint AS accesses, CASE WHEN sum(purged) = 0 THEN sum(videos)::bigint END AS videos,
    sum(plays)::bigint AS plays, sum(downloads)::bigint AS downloads, sum(embeds)::bigint AS embeds,
    sum(shares)::bigint AS shares, CASE WHEN sum(purged) = 0 THEN min(first_access_at) END AS first_access_at,
    CASE WHEN sum(purged) = 0 THEN max(last_access_at) END AS last_access_at, sum(purged)::bigint AS purged
FROM (
    SELECT account, count(*) AS accesses, count(DISTINCT video_id) AS videos,
        count(*) FILTER (WHERE action = 'play') AS plays, count(*) FILTER (WHERE action = 'download') AS downloads,
        count(*) FILTER (WHERE action = 'embed') AS embeds, count(*) FILTER (WHERE action = 'share') AS shares,
        min(created_at) AS first_access_at, max(created_at) AS last_access_at, 0 AS purged
    FROM month_access
    GROUP BY account
    UNION ALL
    SELECT account, accesses, NULL, CASE WHEN action = 'play' THEN accesses ELSE 0 END,
        CASE WHEN action = 'download' THEN accesses ELSE 0 END, CASE WHEN action = 'embed' THEN accesses ELSE 0 END,
        CASE WHEN action = 'share' THEN accesses ELSE 0 END, NULL, NULL, accesses
    FROM purged_access
    WHERE accesses > 0
) AS c
LEFT JOIN slug_order AS n ON n.slug = c.account
GROUP BY c.account, n.place
ORDER BY n.place NULLS FIRST, c.account COLLATE "C"
