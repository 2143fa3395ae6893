-- Tasks with their end and their model. One that has none is of the default model of its owner's contract profile in
-- the month of its creation: whoever binds the query says the default models that are not the standard one's.
SELECT t.id, t.user_id, t.batch_job_id, t.batch_index, t.status, t.failure_type, t.failure_reason, t.created_at,
    t.updated_at, t.completed_at, t.cost_credits, t.cost, t.has_batch, t.has_ended, t.ended_at,
    coalesce(nullif(t.model, ''), (
        SELECT d.model
        FROM unnest(:model_owners::uuid[], :model_from::timestamptz[], :model_until::timestamptz[],
            :default_models::text[]) AS d (user_id, from_at, until_at, model)
        WHERE d.user_id = t.user_id AND t.created_at >= d.from_at AND t.created_at < d.until_at
    ), :default_model::text) AS model
FROM dated_task AS t
