-- What each account was granted of service credits by the end of its month: for which month, in which form, and when.
-- What comes off a fee and was granted before is named too, since the rest of it goes on from month to month.
SELECT o.account, to_char(e.month, 'YYYY-MM') AS credit_month, e.recorded_at AS granted_at, e.form,
    (e.amount_usd * 1000000)::bigint AS amount_micros, e.credits, coalesce(e.reference, '') AS reference,
    e.recorded_at >= o.starts_at AS is_of_month
FROM stated_owner AS o
JOIN service_credit_event AS e ON e.user_id = o.user_id
WHERE e.event = 'granted' AND e.recorded_at < o.ends_at
ORDER BY o.account, e.recorded_at, e.month
