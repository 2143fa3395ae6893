-- No function of ours is executable by PUBLIC. The engine's are revoked by its own migrations. Only schema daybook is
-- touched.

REVOKE ALL ON FUNCTION daybook.first_instant(date, text) FROM PUBLIC;
