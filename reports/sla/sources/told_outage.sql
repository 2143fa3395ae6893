-- Recorded outages of the provider as they were read before: stands in for known_outage where the tasks are on several
-- servers, none of which has the list.
SELECT o.model, o.starts_at, o.ends_at
FROM unnest(:outage_models::text[], :outage_starts::timestamptz[], :outage_ends::timestamptz[])
    AS o (model, starts_at, ends_at)
