-- Accesses by customer and action.
SELECT account, count(*) AS accesses, count(DISTINCT video_id) AS videos,
    count(*) FILTER (WHERE action = 'play') AS plays, count(*) FILTER (WHERE action = 'download') AS downloads,
    count(*) FILTER (WHERE action = 'embed') AS embeds, count(*) FILTER (WHERE action = 'share') AS shares,
    min(created_at) AS first_access_at, max(created_at) AS last_access_at
FROM owned_access
GROUP BY account
ORDER BY account COLLATE "C"
