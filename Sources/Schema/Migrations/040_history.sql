-- A month's tasks are found without reading those of all years, on a database whose tables Daybook made. A deployment's
-- own tables are never touched: database check says there which statement does the same.
--
-- Tasks lie in the order of their creation but for those that a purge has redacted, which were written anew among
-- younger ones: minmax_multi keeps both stretches of such pages apart, where plain minmax takes all that lies between
-- for them. A task that is changed later leaves both indexes alone.
CREATE INDEX IF NOT EXISTS video_tasks_created_at ON public.video_tasks
    USING brin (created_at timestamptz_minmax_multi_ops) WITH (autosummarize = on);
-- The tasks of a month's batches that lie outside of it. Those of a batch are created together, so that each takes few
-- bytes.
CREATE INDEX IF NOT EXISTS video_tasks_batch_created ON public.video_tasks (batch_job_id, created_at);
