-- To whom statements are addressed. Additive: nothing outside schema daybook is touched, and nothing is rewritten.

ALTER TABLE daybook.account
    ADD COLUMN billing_name text NOT NULL DEFAULT '',
    ADD COLUMN billing_address text NOT NULL DEFAULT '',
    ADD COLUMN vat_id text NOT NULL DEFAULT '',
    ADD COLUMN billing_email text NOT NULL DEFAULT '',
    ADD COLUMN cc text NOT NULL DEFAULT '',
    ADD COLUMN reference text NOT NULL DEFAULT '';
COMMENT ON COLUMN daybook.account.billing_name IS 'The company that pays, where it has another name than the account.';
COMMENT ON COLUMN daybook.account.billing_address IS 'Its address, a line each.';
COMMENT ON COLUMN daybook.account.vat_id IS 'Its number for value added tax, or what its country calls that.';
COMMENT ON COLUMN daybook.account.billing_email IS 'Where reports are sent; empty for the address of the owner.';
COMMENT ON COLUMN daybook.account.cc IS 'Who gets a copy of what is sent: addresses with a blank between them.';
COMMENT ON COLUMN daybook.account.reference IS 'What the customer wants to read on statements, such as an order.';
