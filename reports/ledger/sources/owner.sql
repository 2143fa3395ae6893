-- Owners who have an account, with their slug.
SELECT o.user_id, o.slug FROM unnest(:owner_ids::uuid[], :owner_slugs::text[]) AS o (user_id, slug)
