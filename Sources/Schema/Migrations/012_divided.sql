-- The ledger in monthly partitions, on a database whose ledger Daybook made: whole months can be replaced by balances, and no single row
-- can be altered. A deployment's ledger is never touched. Rows that are there move into their months, each as it was, with its id.

ALTER TABLE public.credit_ledger RENAME TO credit_ledger_undivided;
ALTER TABLE public.credit_ledger_undivided DROP CONSTRAINT credit_ledger_pkey;
DROP INDEX public.credit_ledger_created_at, public.credit_ledger_reference, public.credit_ledger_balance;

-- No key of a partitioned table can leave its month out. That ids do not come twice is the sequence's doing.
CREATE TABLE public.credit_ledger (
    id            bigint      NOT NULL DEFAULT nextval('public.credit_ledger_id_seq'),
    user_id       uuid        NOT NULL,
    type          text        NOT NULL,
    model         text,
    credits_delta integer     NOT NULL,
    ref_type      text,
    ref_id        text,
    meta          jsonb,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credit_ledger_pkey PRIMARY KEY (user_id, id, created_at),
    CONSTRAINT credit_ledger_user_exists FOREIGN KEY (user_id) REFERENCES public.users (id),
    CONSTRAINT credit_ledger_type_known CHECK (type IN ('purchase', 'bonus_grant', 'spend', 'refund', 'adjust')),
    CONSTRAINT credit_ledger_model_known CHECK (model IN ('sora-2', 'veo-flash', 'veo-pro'))
) PARTITION BY RANGE (created_at);
CREATE INDEX credit_ledger_created_at ON public.credit_ledger (created_at);
CREATE INDEX credit_ledger_reference ON public.credit_ledger (ref_type, ref_id);
CREATE INDEX credit_ledger_balance ON public.credit_ledger (user_id, created_at, id) INCLUDE (credits_delta);
ALTER SEQUENCE public.credit_ledger_id_seq OWNED BY public.credit_ledger.id;

CREATE TRIGGER daybook_append_only BEFORE UPDATE OR DELETE ON public.credit_ledger
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_alteration();
CREATE TRIGGER daybook_never_emptied BEFORE TRUNCATE ON public.credit_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration();

-- What was carried forward is complete: nothing can be booked there any more. Only rows that are years old are looked at.
CREATE FUNCTION daybook.refuse_carried() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_cutoff timestamptz;
BEGIN
    SELECT max(cutoff) INTO v_cutoff FROM daybook.ledger_carry WHERE state = 'done';
    IF NEW.created_at < v_cutoff THEN
        RAISE EXCEPTION 'the ledger before % was carried forward: a row of % is refused', v_cutoff, NEW.created_at
            USING ERRCODE = 'DB001', HINT = 'Book it now, as an adjustment that says what it corrects.';
    END IF;
    RETURN NEW;
END $$;

-- A row of a month that has no partition yet waits in the default one: an insert never fails.
CREATE TABLE public.credit_ledger_default PARTITION OF public.credit_ledger DEFAULT;
CREATE TRIGGER daybook_never_emptied BEFORE TRUNCATE ON public.credit_ledger_default
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration();

-- Makes the partitions of this month and of the months ahead, and of every row that waits in the default one, which move there. Gives the
-- names of those that were missing. Where none is, it takes no lock that anybody waits for.
CREATE FUNCTION daybook.divide_ledger(p_ahead integer) RETURNS SETOF text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
    v_now timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    v_waits boolean;
    v_month timestamp;
    v_name text;
BEGIN
    v_waits := EXISTS (SELECT FROM ONLY public.credit_ledger_default WHERE isfinite(created_at));
    IF NOT v_waits AND NOT EXISTS (
        SELECT FROM generate_series(0, p_ahead) AS n
        WHERE to_regclass('public.credit_ledger_' || to_char(v_now + make_interval(months => n), 'YYYY_MM')) IS NULL
    ) THEN
        RETURN;
    END IF;
    LOCK TABLE public.credit_ledger IN ACCESS EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE daybook_month ON COMMIT DROP AS
    SELECT v_now + make_interval(months => n) AS month FROM generate_series(0, p_ahead) AS n
    UNION
    SELECT date_trunc('month', created_at AT TIME ZONE 'UTC') FROM ONLY public.credit_ledger_default WHERE isfinite(created_at);
    IF v_waits THEN
        ALTER TABLE public.credit_ledger DETACH PARTITION public.credit_ledger_default;
        ALTER TABLE public.credit_ledger_default RENAME TO credit_ledger_waiting;
        CREATE TABLE public.credit_ledger_default PARTITION OF public.credit_ledger DEFAULT;
        CREATE TRIGGER daybook_never_emptied BEFORE TRUNCATE ON public.credit_ledger_default
            FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration();
    END IF;
    FOR v_month IN SELECT month FROM pg_temp.daybook_month ORDER BY month LOOP
        v_name := 'credit_ledger_' || to_char(v_month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('public.' || v_name) IS NOT NULL;
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.credit_ledger FOR VALUES FROM (%L) TO (%L)',
            v_name, v_month AT TIME ZONE 'UTC', (v_month + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format('CREATE TRIGGER daybook_never_emptied BEFORE TRUNCATE ON public.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration()', v_name);
        RETURN NEXT v_name;
    END LOOP;
    DROP TABLE pg_temp.daybook_month;
    IF v_waits THEN
        INSERT INTO public.credit_ledger SELECT * FROM public.credit_ledger_waiting;
        DROP TABLE public.credit_ledger_waiting;
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION daybook.divide_ledger(integer) FROM PUBLIC;

-- The rows that are there, and whoever was granted something.
INSERT INTO public.credit_ledger SELECT * FROM public.credit_ledger_undivided;
DO $$
DECLARE
    v_grant record;
BEGIN
    FOR v_grant IN
        SELECT a.privilege_type, a.is_grantable, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS role
        FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
        WHERE c.oid = 'public.credit_ledger_undivided'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT %s ON public.credit_ledger TO %s%s', v_grant.privilege_type, v_grant.role,
            CASE WHEN v_grant.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
END $$;
DROP TABLE public.credit_ledger_undivided;
CREATE TRIGGER daybook_carried_is_complete BEFORE INSERT ON public.credit_ledger
    FOR EACH ROW WHEN (NEW.created_at < now() - interval '4 years') EXECUTE FUNCTION daybook.refuse_carried();
SELECT count(*) FROM daybook.divide_ledger(4);
