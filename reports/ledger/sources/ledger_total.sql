-- What all rows of an owner's ledger add up to. The wallet knows no dates, so that it is compared
-- with every row, those of the future included.
SELECT l.user_id, sum(l.credits_delta)::bigint AS ledger
FROM credit_ledger AS l
WHERE :only_user::uuid IS NULL OR l.user_id = :only_user::uuid
GROUP BY l.user_id
