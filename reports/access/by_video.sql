-- Accesses by video.
SELECT account, video_id, count(*) AS accesses, count(*) FILTER (WHERE action = 'play') AS plays,
    count(*) FILTER (WHERE action = 'download') AS downloads, count(*) FILTER (WHERE action = 'embed') AS embeds,
    count(*) FILTER (WHERE action = 'share') AS shares
FROM month_access
GROUP BY account, video_id
ORDER BY accesses DESC, video_id
