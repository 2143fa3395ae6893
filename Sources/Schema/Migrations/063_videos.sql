-- Who may have a video of the store. One function judges that and writes down what was served, for its owner, a link
-- that was shared, and a site that shows it alike.

-- The token of a link is shown once; here is its digest.
CREATE TABLE IF NOT EXISTS daybook.video_share (
    user_id    uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    task_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT video_share_pkey PRIMARY KEY (user_id, token_hash),
    CONSTRAINT video_share_video_exists FOREIGN KEY (user_id, task_id) REFERENCES daybook.video_copy (user_id, task_id)
);
CREATE INDEX IF NOT EXISTS video_share_live ON daybook.video_share (user_id, task_id) WHERE revoked_at IS NULL;
COMMENT ON TABLE daybook.video_share IS 'Links to videos: the digests of their tokens, and until when they hold.';

-- True where the policy lets a stranger in: by a link where it does not say no, on a site that it names where it says
-- yes. What cannot be read as an instant is over.
CREATE FUNCTION daybook.lets_in(p_policy jsonb, p_site text, p_is_download boolean, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_until timestamptz;
BEGIN
    BEGIN
        v_until := nullif(p_policy ->> 'expires_at', '')::timestamptz;
    EXCEPTION WHEN data_exception THEN
        RETURN false;
    END;
    IF v_until <= p_now THEN RETURN false; END IF;
    IF p_is_download AND p_policy ->> 'allow_download' IS DISTINCT FROM 'true' THEN RETURN false; END IF;
    IF p_site IS NULL THEN RETURN p_policy ->> 'allow_share' IS DISTINCT FROM 'false'; END IF;
    RETURN p_policy ->> 'allow_embed' IS NOT DISTINCT FROM 'true'
        AND jsonb_typeof(p_policy -> 'embed_domains') IS NOT DISTINCT FROM 'array'
        AND (p_policy -> 'embed_domains') ? p_site;
END $$;

-- Judges who asks for a video: its owner (p_caller), who has a link (p_token_hash), or who looks at a site (p_site), by
-- the first of these that is given. Where p_records says so it writes down, in the same transaction, that the video was
-- served. The outcome is served, unknown (also what is somebody else's), removed, or refused.
CREATE FUNCTION daybook.serve_video(
    p_caller uuid, p_video uuid, p_token_hash bytea, p_site text, p_is_download boolean, p_records boolean,
    OUT outcome text, OUT sha256 bytea, OUT size_bytes bigint, OUT content_type text
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
    v_copy daybook.video_copy;
    v_policy jsonb;
BEGIN
    outcome := 'unknown';
    IF p_caller IS NOT NULL THEN
        SELECT c.* INTO v_copy FROM daybook.video_copy AS c WHERE c.user_id = p_caller AND c.task_id = p_video;
    ELSE
        SELECT c.* INTO v_copy FROM daybook.video_copy AS c WHERE c.task_id = p_video AND c.state = 'stored' LIMIT 1;
    END IF;
    IF v_copy.state = 'removed' THEN outcome := 'removed'; END IF;
    IF v_copy.state IS DISTINCT FROM 'stored' THEN RETURN; END IF;
    IF p_caller IS NULL THEN
        IF p_token_hash IS NOT NULL THEN
            PERFORM FROM daybook.video_share AS s
            WHERE s.user_id = v_copy.user_id AND s.token_hash = p_token_hash AND s.task_id = p_video
                AND s.revoked_at IS NULL AND s.expires_at > v_now;
            IF NOT FOUND THEN RETURN; END IF;
        ELSIF p_site IS NULL THEN
            RETURN;
        END IF;
        -- A policy that was cleared with the content of its task lets nobody in.
        SELECT v.external_access_policy INTO v_policy FROM public.video_tasks AS v
        WHERE v.user_id = v_copy.user_id AND v.id = p_video AND v.video_url <> '';
        IF NOT FOUND OR NOT daybook.lets_in(
            v_policy, CASE WHEN p_token_hash IS NULL THEN p_site END, p_is_download, v_now)
        THEN
            outcome := CASE WHEN p_token_hash IS NULL THEN 'unknown' ELSE 'refused' END;
            RETURN;
        END IF;
    END IF;
    outcome := 'served';
    sha256 := v_copy.sha256;
    size_bytes := v_copy.size_bytes;
    content_type := v_copy.content_type;
    IF NOT p_records THEN RETURN; END IF;
    PERFORM daybook.record_access(
        v_copy.user_id, ARRAY[p_video], p_caller,
        CASE WHEN p_is_download THEN 'download' WHEN p_caller IS NULL AND p_token_hash IS NULL THEN 'embed'
            ELSE 'play' END,
        CASE WHEN p_caller IS NOT NULL THEN 'internal' WHEN p_token_hash IS NOT NULL THEN 'share_link'
            ELSE 'embed' END);
END $$;

-- Makes a link, which is an access itself. The outcome is shared, unknown, removed, or refused by the policy.
CREATE FUNCTION daybook.share_video(
    p_user uuid, p_video uuid, p_token_hash bytea, p_seconds bigint, OUT outcome text, OUT expires_at timestamptz
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := daybook.clock();
    v_state text;
    v_policy jsonb;
BEGIN
    outcome := 'unknown';
    SELECT c.state INTO v_state FROM daybook.video_copy AS c
    WHERE c.user_id = p_user AND c.task_id = p_video FOR KEY SHARE;
    IF v_state = 'removed' THEN outcome := 'removed'; END IF;
    IF v_state IS DISTINCT FROM 'stored' THEN RETURN; END IF;
    SELECT v.external_access_policy INTO v_policy FROM public.video_tasks AS v
    WHERE v.user_id = p_user AND v.id = p_video AND v.video_url <> '';
    outcome := 'refused';
    IF NOT FOUND OR NOT daybook.lets_in(v_policy, NULL, false, v_now) THEN RETURN; END IF;
    expires_at := v_now + p_seconds * interval '1 second';
    INSERT INTO daybook.video_share (user_id, token_hash, task_id, created_at, expires_at)
    VALUES (p_user, p_token_hash, p_video, v_now, expires_at);
    PERFORM daybook.record_access(p_user, ARRAY[p_video], p_user, 'share', 'share_link');
    outcome := 'shared';
END $$;

-- Ends all links to a video. Gives how many there were; NULL where the customer has no such video.
CREATE FUNCTION daybook.unshare_video(p_user uuid, p_video uuid) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count bigint;
BEGIN
    PERFORM FROM daybook.video_copy AS c
    WHERE c.user_id = p_user AND c.task_id = p_video AND c.state IN ('stored', 'removed');
    IF NOT FOUND THEN RETURN NULL; END IF;
    UPDATE daybook.video_share AS s SET revoked_at = daybook.clock()
    WHERE s.user_id = p_user AND s.task_id = p_video AND s.revoked_at IS NULL;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;

-- Changes what strangers may do with a video: the members that are given, the others stay. Gives the policy; NULL where
-- the customer has no such video.
CREATE FUNCTION daybook.set_video_policy(p_user uuid, p_video uuid, p_changes jsonb) RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_policy jsonb;
BEGIN
    PERFORM FROM daybook.video_copy AS c WHERE c.user_id = p_user AND c.task_id = p_video AND c.state = 'stored';
    IF NOT FOUND THEN RETURN NULL; END IF;
    UPDATE public.video_tasks AS v SET external_access_policy = v.external_access_policy || p_changes
    WHERE v.user_id = p_user AND v.id = p_video AND v.video_url <> ''
    RETURNING v.external_access_policy INTO v_policy;
    RETURN v_policy;
END $$;

REVOKE ALL ON FUNCTION
    daybook.lets_in, daybook.serve_video, daybook.share_video, daybook.unshare_video, daybook.set_video_policy
FROM PUBLIC;
