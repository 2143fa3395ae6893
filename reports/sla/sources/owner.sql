-- Owners who have an account: their number (the order of their slugs), slug and contract profile.
SELECT o.number::int AS account, o.user_id, o.slug, o.profile::int AS profile
FROM unnest(:owner_ids::uuid[], :owner_slugs::text[], :owner_profiles::bigint[])
    WITH ORDINALITY AS o (user_id, slug, profile, number)
