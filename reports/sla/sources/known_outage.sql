-- Recorded outages of the provider.
SELECT o.model, o.starts_at, o.ends_at FROM provider_outage AS o
