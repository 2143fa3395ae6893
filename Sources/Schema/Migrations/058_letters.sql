-- Letters to customers and to those who may become one: what was sent, to whom, when and by whom. Additive: nothing
-- outside schema daybook is touched.

CREATE TABLE daybook.sent_letter (
    letter_id   bigint      GENERATED ALWAYS AS IDENTITY,
    letter      text        NOT NULL,
    recipient   text        NOT NULL,
    user_id     uuid,
    addressee   text        NOT NULL DEFAULT '',
    company     text        NOT NULL DEFAULT '',
    sender      text        NOT NULL,
    signer      text        NOT NULL DEFAULT '',
    use_case    text        NOT NULL DEFAULT '',
    scale       text        NOT NULL DEFAULT '',
    channel     text        NOT NULL,
    message_id  text,
    sha256      text,
    sent_at     timestamptz NOT NULL,
    author      text        NOT NULL,
    recorded_by text        NOT NULL DEFAULT session_user,
    recorded_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CONSTRAINT sent_letter_pkey PRIMARY KEY (letter_id),
    CONSTRAINT sent_letter_names CHECK (letter <> '' AND recipient <> '' AND sender <> '' AND author <> ''),
    CONSTRAINT sent_letter_channel_known CHECK (channel IN ('smtp', 'sendmail', 'told')),
    -- Of a letter that somebody says to have sent by other means there is no message to show.
    CONSTRAINT sent_letter_has_message CHECK (
        (message_id IS NULL) = (channel = 'told') AND (sha256 IS NULL) = (channel = 'told')),
    CONSTRAINT sent_letter_is_a_digest CHECK (sha256 ~ '^[0-9a-f]{64}$')
);
COMMENT ON TABLE daybook.sent_letter IS
    'A letter that a mail server or program took, or that somebody says to have sent (channel told): to whom, when, by '
    'whom, and the digest of the whole message.';

CREATE TRIGGER sent_letter_is_never_changed BEFORE UPDATE OR DELETE ON daybook.sent_letter
    FOR EACH ROW EXECUTE FUNCTION daybook.refuse_change();
