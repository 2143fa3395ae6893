-- What the tasks of each batch came to by the cutoff, where the tasks were counted before: stands in for batch_work.
-- Where owners are judged apart each row is of the tasks of one account.
--
-- The instants come first: Citus hands out a column of several arrays as of the type of the first one.
SELECT w.batch_id, /* divided: b.user_id, */ w.account, w.tasks, w.open_tasks, w.cost, w.delivered, w.last_terminal_at
FROM unnest(:work_last_terminals::timestamptz[], :work_batches::uuid[], :work_accounts::bigint[], :work_tasks::bigint[],
    :work_open_tasks::bigint[], :work_costs::bigint[], :work_delivered::bigint[])
    AS w (last_terminal_at, batch_id, account, tasks, open_tasks, cost, delivered)
/* divided: JOIN batch_jobs AS b ON b.id = w.batch_id */
