-- Distributes the history of a deployment by its customers, as its operator would on a Citus coordinator: the keys of
-- what grows are changed to (user_id, id), its rows go to the servers of their customer, and what is small and joined
-- with everything is on all of them. Everything else, Daybook's own tables among it, stays on the coordinator.
\set ON_ERROR_STOP 1
ALTER TABLE enterprise_api_usage DROP CONSTRAINT IF EXISTS enterprise_api_usage_api_key_id_fkey;
ALTER TABLE video_tasks
    DROP CONSTRAINT IF EXISTS video_tasks_batch_job_id_fkey, DROP CONSTRAINT IF EXISTS video_tasks_user_id_fkey,
    DROP CONSTRAINT video_tasks_pkey, ADD PRIMARY KEY (user_id, id);
ALTER TABLE batch_jobs
    DROP CONSTRAINT IF EXISTS batch_jobs_user_id_fkey,
    DROP CONSTRAINT batch_jobs_pkey, ADD PRIMARY KEY (user_id, id);
ALTER TABLE credit_ledger
    DROP CONSTRAINT IF EXISTS credit_ledger_user_id_fkey,
    DROP CONSTRAINT credit_ledger_pkey, ADD PRIMARY KEY (user_id, id);
ALTER TABLE credit_wallet DROP CONSTRAINT IF EXISTS credit_wallet_user_id_fkey;
ALTER TABLE enterprise_api_keys DROP CONSTRAINT IF EXISTS enterprise_api_keys_user_id_fkey;
SELECT create_reference_table('users');
SELECT create_reference_table('enterprise_api_keys');
SELECT create_distributed_table('batch_jobs', 'user_id');
SELECT create_distributed_table('video_tasks', 'user_id', colocate_with := 'batch_jobs');
SELECT create_distributed_table('credit_ledger', 'user_id', colocate_with := 'batch_jobs');
SELECT create_distributed_table('credit_wallet', 'user_id', colocate_with := 'batch_jobs');
-- What was here before went to the servers, and its copy here only takes room.
SELECT truncate_local_data_after_distributing_table(logicalrelid) FROM pg_dist_partition WHERE partmethod = 'h';
