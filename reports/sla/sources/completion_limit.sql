-- The completion limit of each model in each profile.
SELECT l.profile::int AS profile, l.model, make_interval(secs => l.seconds) AS max_duration
FROM unnest(:limit_profiles::bigint[], :limit_models::text[], :limit_seconds::bigint[]) AS l (profile, model, seconds)
