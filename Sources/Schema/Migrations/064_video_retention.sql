-- Copies of videos have a retention as the rest of customers' data. A purge marks their rows, then removes them from
-- the store, then writes down that they are gone; the row stays, with digest and size.

ALTER TABLE daybook.retention_policy
    DROP CONSTRAINT retention_policy_class_known,
    ADD CONSTRAINT retention_policy_class_known
        CHECK (data_class IN ('access_log', 'task_content', 'api_usage', 'webhook_payload', 'video_files'));

ALTER TABLE daybook.video_copy
    ADD COLUMN removed_run bigint,
    ADD COLUMN gone_at     timestamptz,
    ADD COLUMN was_there   boolean,
    ADD CONSTRAINT video_copy_gone_once_removed CHECK (gone_at IS NULL OR state = 'removed'),
    ADD CONSTRAINT video_copy_was_there CHECK ((was_there IS NULL) = (gone_at IS NULL));
COMMENT ON COLUMN daybook.video_copy.removed_run IS
    'The purge that marked it, or took it over from one that did not end.';
COMMENT ON COLUMN daybook.video_copy.gone_at IS
    'When a purge had removed the video and seen that it is there no more; was_there says whether it was there before.';
-- Who follows a link to a video that was removed is told so; a purge looks who else has a task of the same id.
CREATE INDEX video_copy_of_task ON daybook.video_copy (task_id);
CREATE INDEX video_copy_to_remove ON daybook.video_copy (user_id, task_id) WHERE state = 'removed' AND gone_at IS NULL;

-- What a run found of the videos that it counts in purge_total.
CREATE TABLE daybook.purge_video (
    user_id     uuid   NOT NULL,
    run_id      bigint NOT NULL,
    missing     bigint NOT NULL,
    video_bytes bigint NOT NULL,
    CONSTRAINT purge_video_pkey PRIMARY KEY (user_id, run_id),
    CONSTRAINT purge_video_counts CHECK (missing >= 0 AND video_bytes >= 0)
);
COMMENT ON TABLE daybook.purge_video IS
    'Of the videos that a purge counts as gone: how many were missing when it came, and the bytes of the others.';

-- Who only purges removes videos within a run alone.
CREATE TRIGGER video_copy_goes_within_a_run BEFORE UPDATE OF removed_run, gone_at ON daybook.video_copy
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_outside_of_run();
CREATE TRIGGER purge_video_within_a_run BEFORE INSERT OR UPDATE ON daybook.purge_video
    FOR EACH STATEMENT EXECUTE FUNCTION daybook.guard_outside_of_run();

-- Judges who asks for a video: its owner (p_caller), who has a link (p_token_hash), or who looks at a site (p_site), by
-- the first of these that is given. Where p_records says so it writes down, in the same transaction, that the video was
-- served. The outcome is served, unknown (also what is somebody else's), removed (to whom it would be served otherwise)
-- or refused.
CREATE OR REPLACE FUNCTION daybook.serve_video(
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
        SELECT c.* INTO v_copy FROM daybook.video_copy AS c
        WHERE c.task_id = p_video AND c.state IN ('stored', 'removed') ORDER BY c.state DESC LIMIT 1;
    END IF;
    IF v_copy.state IS NULL OR v_copy.state NOT IN ('stored', 'removed') THEN RETURN; END IF;
    IF p_caller IS NULL THEN
        IF p_token_hash IS NOT NULL THEN
            PERFORM FROM daybook.video_share AS s
            WHERE s.user_id = v_copy.user_id AND s.token_hash = p_token_hash AND s.task_id = p_video
                AND s.revoked_at IS NULL AND s.expires_at > v_now;
            IF NOT FOUND THEN RETURN; END IF;
            -- Who has a link that holds is told what became of the video; its policy may have gone with the task.
            IF v_copy.state = 'removed' THEN
                outcome := 'removed';
                RETURN;
            END IF;
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
    IF v_copy.state = 'removed' THEN
        outcome := 'removed';
        RETURN;
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
