-- The place of every account's slug in natural order: customer2 before customer10, else by bytes. A run of digits
-- counts as the number that it is: what has fewer digits without leading zeros comes first. Where only those differ,
-- bytes decide.
SELECT a.user_id, a.slug, row_number() OVER (
        ORDER BY (
            SELECT string_agg(
                CASE WHEN r.run[1] ~ '^[0-9]'
                    THEN '0' || lpad(length(ltrim(r.run[1], '0'))::text, 3, '0') || ltrim(r.run[1], '0')
                    ELSE r.run[1] END,
                '' ORDER BY r.number)
            FROM regexp_matches(a.slug, '[0-9]+|[^0-9]+', 'g') WITH ORDINALITY AS r (run, number)
        ) COLLATE "C", a.slug COLLATE "C"
    ) AS place
FROM account AS a
