-- What a key of the Batch API may do, from where and until when, and who used it for what. Additive; an application's
-- own keys are touched by nothing but daybookd keys adopt.

ALTER TABLE daybook.api_key
    ADD COLUMN kind text NOT NULL DEFAULT 'live',
    ADD COLUMN may_read boolean NOT NULL DEFAULT true,
    ADD COLUMN may_write boolean NOT NULL DEFAULT true,
    ADD COLUMN allowed_networks cidr[],
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN last_used_from inet;
ALTER TABLE daybook.api_key
    ADD CONSTRAINT api_key_kind_known CHECK (kind IN ('live', 'pilot', 'adopted')),
    ADD CONSTRAINT api_key_pilot_is_small CHECK (kind <> 'pilot' OR batch_item_limit <= 50),
    ADD CONSTRAINT api_key_may_something CHECK (may_read OR may_write),
    ADD CONSTRAINT api_key_networks_not_empty CHECK (cardinality(allowed_networks) > 0);
COMMENT ON COLUMN daybook.api_key.kind IS
    'live, pilot (small batches), or adopted: a key that an application kept in clear.';
COMMENT ON COLUMN daybook.api_key.allowed_networks IS 'From where it may be used; NULL for everywhere.';
COMMENT ON COLUMN daybook.api_key.last_used_from IS
    'The address of the last use, forgotten 30 days after it: that is the shortest time a contract can name.';

-- Calls by key, day (of UTC) and endpoint. A key that an application keeps in clear has rows too.
CREATE TABLE daybook.key_usage (
    user_id  uuid        NOT NULL,
    key_id   uuid        NOT NULL,
    day      date        NOT NULL,
    endpoint text        NOT NULL,
    calls    bigint      NOT NULL,
    errors   bigint      NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    CONSTRAINT key_usage_pkey PRIMARY KEY (user_id, key_id, day, endpoint),
    CONSTRAINT key_usage_counts_fit CHECK (calls > 0 AND errors BETWEEN 0 AND calls),
    CONSTRAINT key_usage_in_order CHECK (first_at <= last_at)
);
COMMENT ON TABLE daybook.key_usage IS
    'How often a key was used for what, counted by each server and written about once a minute.';

-- Writes what a server has counted: an element a key and endpoint, the ages in microseconds before now. Servers write
-- in one order, so that none waits for another that waits for it.
CREATE FUNCTION daybook.note_key_usage(
    p_users uuid[], p_keys uuid[], p_endpoints text[], p_calls bigint[], p_errors bigint[], p_first_ages bigint[],
    p_last_ages bigint[]
) RETURNS void LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO daybook.key_usage AS k (user_id, key_id, day, endpoint, calls, errors, first_at, last_at)
    SELECT n.user_id, n.key_id, (n.last_at AT TIME ZONE 'UTC')::date, n.endpoint, n.calls, n.errors, n.first_at,
        n.last_at
    FROM (
        SELECT u.*, c.now - u.first_age * interval '1 microsecond' AS first_at,
            c.now - u.last_age * interval '1 microsecond' AS last_at
        FROM unnest(p_users, p_keys, p_endpoints, p_calls, p_errors, p_first_ages, p_last_ages)
            AS u (user_id, key_id, endpoint, calls, errors, first_age, last_age),
            (SELECT daybook.clock() AS now) AS c
    ) AS n
    ORDER BY n.user_id, n.key_id, n.endpoint
    ON CONFLICT (user_id, key_id, day, endpoint) DO UPDATE SET calls = k.calls + EXCLUDED.calls,
        errors = k.errors + EXCLUDED.errors, first_at = least(k.first_at, EXCLUDED.first_at),
        last_at = greatest(k.last_at, EXCLUDED.last_at)
$$;

-- Writes when keys were last used, and from where; forgets addresses of long ago.
CREATE FUNCTION daybook.note_last_use(
    p_users uuid[], p_keys uuid[], p_addresses text[], p_ages bigint[]
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz := daybook.clock();
BEGIN
    PERFORM FROM daybook.api_key AS k JOIN unnest(p_users, p_keys) AS u (user_id, key_id)
        ON u.user_id = k.user_id AND u.key_id = k.key_id
    ORDER BY k.user_id, k.key_id FOR NO KEY UPDATE OF k;
    UPDATE daybook.api_key AS k
    SET last_used_at = v_now - u.age * interval '1 microsecond', last_used_from = u.address::inet
    FROM unnest(p_users, p_keys, p_addresses, p_ages) AS u (user_id, key_id, address, age)
    WHERE k.user_id = u.user_id AND k.key_id = u.key_id
        AND (k.last_used_at IS NULL OR k.last_used_at < v_now - u.age * interval '1 microsecond');
    UPDATE daybook.api_key AS k SET last_used_from = NULL
    WHERE k.last_used_from IS NOT NULL AND k.last_used_at < v_now - interval '30 days';
END $$;

-- Takes over a key that an application keeps in clear: it goes on working by its digest, and its text is replaced by
-- words that let nobody in. Gives false for one that has been taken over or was never in clear.
CREATE FUNCTION daybook.adopt_key(p_user uuid, p_key uuid, p_prefix text, p_digest bytea, p_items integer)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_key record;
BEGIN
    SELECT e.id, e.api_key::text AS api_key, e.name, e.is_active, e.rate_limit_per_min, e.created_at, e.last_seen_at
    INTO v_key FROM public.enterprise_api_keys AS e WHERE e.user_id = p_user AND e.id = p_key FOR UPDATE;
    IF NOT FOUND OR sha256(convert_to(v_key.api_key, 'UTF8')) <> p_digest
        OR EXISTS (SELECT FROM daybook.api_key AS k WHERE k.user_id = p_user AND k.key_id = p_key)
    THEN
        RETURN false;
    END IF;
    INSERT INTO daybook.api_key (
        user_id, key_id, prefix, sha256, name, rate_limit_per_minute, batch_item_limit, created_at, last_used_at,
        revoked_at, kind)
    VALUES (p_user, p_key, p_prefix, p_digest, coalesce(nullif(left(v_key.name, 100), ''), 'adopted'),
        least(greatest(coalesce(v_key.rate_limit_per_min, 60), 1), 1000000), p_items,
        coalesce(v_key.created_at, daybook.clock()), v_key.last_seen_at,
        CASE WHEN v_key.is_active THEN NULL ELSE daybook.clock() END, 'adopted');
    -- Short, for columns that have a length. Inactive: whoever reads the words must not get in by them, nor by the
    -- application's own door.
    UPDATE public.enterprise_api_keys AS e SET api_key = 'hashed:' || replace(p_key::text, '-', ''), is_active = false
    WHERE e.user_id = p_user AND e.id = p_key;
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION daybook.note_key_usage, daybook.note_last_use, daybook.adopt_key FROM PUBLIC;
