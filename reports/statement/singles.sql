-- What the ledger of one account has, by the end of its month, of references that refunds of no batch name: the rows
-- that spent credit under each of them before the month, and whether something came back then.
SELECT s.ref_id AS reference, coalesce(s.model, '') AS model,
    count(*) FILTER (WHERE s.created_at < :listed_start::timestamptz) AS rows_before,
    EXISTS (
        SELECT 1 FROM single_return AS r
        WHERE r.user_id = s.user_id AND r.ref_id = s.ref_id AND r.created_at < :listed_start::timestamptz
    ) AS is_returned_before
FROM single_spend AS s
WHERE s.user_id = :listed_owner::uuid AND s.ref_id = ANY (:listed_references::text[])
    AND s.created_at < :listed_end::timestamptz
GROUP BY s.user_id, s.ref_id, coalesce(s.model, '')
ORDER BY s.ref_id COLLATE "C", coalesce(s.model, '') COLLATE "C"
