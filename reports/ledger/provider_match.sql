-- The lines of a provider's bill against the tasks and what the ledger says of them, in both directions. Each line has
-- one class; a task that should be on the bill and is not has a row without a line.
WITH bill AS MATERIALIZED (
    SELECT b.id, b.model, b.number, row_number() OVER (PARTITION BY b.id ORDER BY b.number) AS occurrence
    FROM unnest(:billed_ids::text[], :billed_models::text[]) WITH ORDINALITY AS b (id, model, number)
), billed AS MATERIALIZED (
    SELECT b.id, b.model, b.number, b.occurrence, p.user_id, p.task_id,
        row_number() OVER (
            PARTITION BY p.user_id, p.task_id ORDER BY b.occurrence > 1, p.is_own DESC, b.number) AS place
    FROM bill AS b
    LEFT JOIN provider_task AS p ON p.provider_task_id = b.id
), matched AS (
    SELECT b.number, CASE
            WHEN b.number IS NULL THEN 'not_billed'
            WHEN b.occurrence > 1 OR (b.task_id IS NOT NULL AND b.place > 1) THEN 'charged_twice'
            WHEN t.id IS NULL THEN 'billed_unknown_id'
            WHEN NOT t.has_ended OR NOT t.is_settled THEN 'open'
            WHEN t.status = 'succeeded' AND NOT t.is_paid THEN 'rendered_but_not_charged'
            WHEN t.status = 'succeeded' AND t.model <> b.model THEN 'model_differs'
            WHEN t.status = 'succeeded' THEN 'agreed'
            WHEN t.is_returned THEN 'refunded_but_rendered'
            ELSE 'open' END AS class,
        t.id AS task_id, t.user_id, t.batch_job_id, t.model, t.status, t.cost,
        CASE WHEN t.has_ended THEN t.ended_at END AS ended_at
    FROM billed AS b
    FULL JOIN paid_task AS t ON t.user_id = b.user_id AND t.id = b.task_id
    WHERE b.number IS NOT NULL OR (
        t.status = 'succeeded' AND t.is_settled AND t.is_paid AND t.ended_at >= :month_start::timestamptz
        AND t.ended_at < :month_end::timestamptz)
)
SELECT m.class, m.number, coalesce(m.user_id::text, '') AS user_id, coalesce(m.batch_job_id::text, '') AS batch_id,
    coalesce(m.task_id::text, '') AS task_id, coalesce(m.model, '') AS model, coalesce(m.status, '') AS status,
    m.cost::bigint AS credits, m.ended_at,
    CASE WHEN m.number IS NULL THEN coalesce((
        SELECT v.grsai_task_id FROM public.video_tasks AS v WHERE v.user_id = m.user_id AND v.id = m.task_id LIMIT 1
    ), '') ELSE '' END AS provider_task_id
FROM matched AS m
ORDER BY array_position(:classes::text[], m.class), m.number NULLS LAST, m.user_id, m.ended_at, m.task_id
