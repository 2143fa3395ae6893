-- A balance at any past instant without reading a row of the table, and statements without a sort. On a database of Daybook's own only: a
-- deployment's table is not ours to index (docs/statement.md has the statement that does it without a lock).

CREATE INDEX credit_ledger_balance ON public.credit_ledger (user_id, created_at, id) INCLUDE (credits_delta);
