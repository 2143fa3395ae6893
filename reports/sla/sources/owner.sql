-- Owners who have an account: their number (the order of their slugs) and slug.
SELECT o.number::int AS account, o.user_id, o.slug
FROM unnest(:owner_ids::uuid[], :owner_slugs::text[]) WITH ORDINALITY AS o (user_id, slug, number)
