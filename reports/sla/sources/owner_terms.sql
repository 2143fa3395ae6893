-- Which contract profile judges what happened to an owner in which stretch of time: stretches begin where a month of
-- the owner's begins.
SELECT o.user_id, o.from_at, o.until_at, o.profile::int AS profile
FROM unnest(:terms_owners::uuid[], :terms_from::timestamptz[], :terms_until::timestamptz[], :terms_profiles::bigint[])
    AS o (user_id, from_at, until_at, profile)
