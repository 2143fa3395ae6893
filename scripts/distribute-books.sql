-- Brings to their customers what Daybook keeps beside a distributed history, batch by batch and entry by entry: after
-- distribute-deployment.sql and daybook database migrate. A report joins them there, and sends them nowhere. Everything
-- else of schema daybook stays on the coordinator, with its guards.
\set ON_ERROR_STOP 1
SELECT create_distributed_table('daybook.settlement_fact', 'user_id', colocate_with := 'public.batch_jobs');
SELECT create_distributed_table('daybook.ledger_price', 'user_id', colocate_with := 'public.batch_jobs');
SELECT truncate_local_data_after_distributing_table(logicalrelid) FROM pg_dist_partition
WHERE logicalrelid IN ('daybook.settlement_fact'::regclass, 'daybook.ledger_price'::regclass);
