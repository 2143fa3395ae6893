-- A window of maintenance may name its target, and one that was shortened, moved or cancelled is corrected: the window
-- as it was imported stays, and so does who corrected it.

ALTER TABLE daybook.maintenance_window ADD COLUMN target text NOT NULL DEFAULT '';
ALTER TABLE daybook.maintenance_window DROP CONSTRAINT maintenance_window_pkey;
ALTER TABLE daybook.maintenance_window
    ADD CONSTRAINT maintenance_window_pkey PRIMARY KEY (starts_at, ends_at, announced_at, reason, target);
COMMENT ON COLUMN daybook.maintenance_window.target IS 'The probed target that it is of; empty for all of them.';

CREATE TABLE daybook.maintenance_correction (
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    announced_at timestamptz NOT NULL,
    reason       text        NOT NULL,
    target       text        NOT NULL,
    because      text        NOT NULL,
    corrected_by text        NOT NULL DEFAULT session_user,
    corrected_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT maintenance_correction_pkey PRIMARY KEY (starts_at, ends_at, announced_at, reason, target),
    CONSTRAINT maintenance_correction_of_window FOREIGN KEY (starts_at, ends_at, announced_at, reason, target)
        REFERENCES daybook.maintenance_window (starts_at, ends_at, announced_at, reason, target)
);
COMMENT ON TABLE daybook.maintenance_correction IS
    'Windows that count no longer, because they were shortened, moved or cancelled: by whom, when and why.';
