-- Who may call, and who watched what.

CREATE TABLE daybook.api_key (
    user_id              uuid        NOT NULL,
    key_id               uuid        NOT NULL DEFAULT gen_random_uuid(),
    prefix               text        NOT NULL,
    sha256               bytea       NOT NULL,
    name                 text        NOT NULL,
    rate_limit_per_minute integer    NOT NULL DEFAULT 60,
    batch_item_limit     integer     NOT NULL DEFAULT 10000,
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at         timestamptz,
    revoked_at           timestamptz,
    CONSTRAINT api_key_pkey PRIMARY KEY (user_id, key_id),
    CONSTRAINT api_key_digest_is_sha256 CHECK (octet_length(sha256) = 32),
    CONSTRAINT api_key_rate_positive CHECK (rate_limit_per_minute > 0),
    CONSTRAINT api_key_items_in_range CHECK (batch_item_limit BETWEEN 1 AND 10000)
);
CREATE INDEX api_key_by_digest ON daybook.api_key (sha256);
COMMENT ON TABLE daybook.api_key IS 'API keys as digests: what was shown once can be recognised, never read back.';

ALTER TABLE public.video_external_access_log ADD COLUMN IF NOT EXISTS owner_id uuid;

-- Every access of a video goes through here: its row says who owned the video and which policy applied at that moment.
CREATE FUNCTION daybook.record_access(p_owner uuid, p_videos uuid[], p_viewer uuid, p_action text, p_source text) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count integer;
BEGIN
    IF p_action NOT IN ('generate', 'play', 'download', 'embed', 'share') THEN
        RAISE EXCEPTION 'An access is generate, play, download, embed or share, not %', p_action USING ERRCODE = 'DB400';
    END IF;
    INSERT INTO public.video_external_access_log (video_id, user_id, owner_id, action, source, policy_snapshot, created_at)
    SELECT id, p_viewer, user_id, p_action, p_source, external_access_policy, daybook.clock()
    FROM public.video_tasks
    WHERE user_id = p_owner AND id = ANY (p_videos);
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;
