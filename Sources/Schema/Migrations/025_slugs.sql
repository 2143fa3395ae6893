-- Slugs by which things were kept: they stay their owner's. Additive: nothing outside schema daybook is touched.

CREATE TABLE daybook.account_slug (
    user_id  uuid        NOT NULL,
    slug     text        NOT NULL,
    since    timestamptz NOT NULL DEFAULT transaction_timestamp(),
    given_by text        NOT NULL DEFAULT session_user,
    CONSTRAINT account_slug_pkey PRIMARY KEY (user_id, since)
);
COMMENT ON TABLE daybook.account_slug IS
    'The slugs that an account has had, each since when; the earliest is -infinity. What was kept under one is found by its instant.';

INSERT INTO daybook.account_slug (user_id, slug, since, given_by) SELECT user_id, slug, '-infinity', '' FROM daybook.account;

-- Two accounts may swap slugs in one statement: whether each is unique is looked at when it ends.
ALTER TABLE daybook.account DROP CONSTRAINT account_slug_unique;
ALTER TABLE daybook.account ADD CONSTRAINT account_slug_unique UNIQUE (slug) DEFERRABLE INITIALLY IMMEDIATE;

-- What was kept under a slug for other owners than one: who it was, and what.
CREATE FUNCTION daybook.kept_under(p_slug text, p_except uuid, OUT owner uuid, OUT what text) RETURNS SETOF record LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH span AS (
        SELECT s.user_id, s.slug, s.since, lead(s.since, 1, 'infinity') OVER (PARTITION BY s.user_id ORDER BY s.since) AS until
        FROM daybook.account_slug AS s
    ), named AS (
        SELECT user_id, since, until FROM span WHERE slug = p_slug AND user_id <> p_except
    ), kept AS (
        -- A close says by the names of its files under which slug it was kept.
        SELECT f.user_id, 1 AS turn, 'the closed month ' || to_char(f.month, 'YYYY-MM') AS what FROM daybook.month_close_file AS f
        WHERE f.name = 'statement-' || p_slug || '-' || to_char(f.month, 'YYYY-MM') || '/manifest.json' AND f.user_id <> p_except
        UNION ALL
        SELECT d.user_id, 2, 'the delivery of ' || to_char(d.month, 'YYYY-MM') FROM daybook.statement_delivery AS d
        JOIN named AS n ON n.user_id = d.user_id AND d.sent_at >= n.since AND d.sent_at < n.until
        UNION ALL
        SELECT h.user_id, 3, 'the legal hold ' || h.hold_id FROM daybook.legal_hold AS h
        JOIN named AS n ON n.user_id = h.user_id AND h.placed_at < n.until AND coalesce(h.released_at, 'infinity') > n.since
        UNION ALL
        SELECT c.user_id, 4, 'the purge ' || c.run_id FROM daybook.purge_cutoff AS c
        WHERE c.slug = p_slug AND c.user_id <> p_except
    )
    SELECT user_id, what FROM (SELECT DISTINCT user_id, turn, what FROM kept) AS k ORDER BY user_id, turn, what COLLATE "C"
$$;

-- Whoever gives a slug to an account writes it down; one that something was kept under for another owner is refused.
CREATE FUNCTION daybook.follow_slug() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_kept record;
BEGIN
    IF TG_RELID <> 'daybook.account'::regclass THEN
        RAISE EXCEPTION 'daybook.follow_slug works on daybook.account alone' USING ERRCODE = 'DB403';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.slug = NEW.slug THEN RETURN NULL; END IF;
    SELECT k.owner, coalesce(a.slug || ', ', '') || k.owner AS who, string_agg(k.what, ', ' ORDER BY k.number) AS what INTO v_kept
    FROM daybook.kept_under(NEW.slug, NEW.user_id) WITH ORDINALITY AS k (owner, what, number)
    LEFT JOIN daybook.account AS a ON a.user_id = k.owner
    GROUP BY k.owner, a.slug ORDER BY k.owner LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the slug % cannot be given to %: %', NEW.slug, NEW.user_id,
            format('under it the owner %s has kept %s', v_kept.who, v_kept.what) USING ERRCODE = 'DB409';
    END IF;
    INSERT INTO daybook.account_slug (user_id, slug, since)
    SELECT NEW.user_id, NEW.slug, CASE WHEN EXISTS (SELECT FROM daybook.account_slug AS s WHERE s.user_id = NEW.user_id)
        THEN transaction_timestamp() ELSE '-infinity' END
    ON CONFLICT ON CONSTRAINT account_slug_pkey DO UPDATE SET slug = excluded.slug, given_by = session_user;
    RETURN NULL;
END $$;
CREATE TRIGGER account_slug_follow AFTER INSERT OR UPDATE OF slug ON daybook.account
    FOR EACH ROW EXECUTE FUNCTION daybook.follow_slug();

REVOKE ALL ON FUNCTION daybook.kept_under(text, uuid) FROM PUBLIC;
REVOKE ALL ON FUNCTION daybook.follow_slug() FROM PUBLIC;
