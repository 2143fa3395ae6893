import Testing

/// A way by which somebody gets at the credit, planted in a deployment.
struct CreditPlant: Sendable, CustomTestStringConvertible {
    let what: String
    let role: String
    /// How it is planted, by the owner.
    let plant: String
    /// What the role does then, with the harmless effect that the credit is another.
    let action: String
    /// What is named for it, with the right; nil where nothing must be.
    let object: String?
    let right: String
    let statement: String

    var testDescription: String { what }

    private init(
        _ what: String, as role: String = "anon", _ plant: String, then action: String, names object: String?,
        _ right: String = "", _ statement: String = ""
    ) {
        self.what = what
        self.role = role
        self.plant = plant
        self.action = action
        self.object = object
        self.right = right
        self.statement = statement
    }

    private static let update = "UPDATE public.credit_wallet SET permanent_credits = 7"
    private static let wallet = "public.credit_wallet"
    private static let ledger = "public.credit_ledger"

    private static func function(_ name: String, _ body: String, _ how: String = "SECURITY DEFINER") -> String {
        "CREATE FUNCTION public.\(name) RETURNS void LANGUAGE plpgsql \(how) AS $f$ BEGIN \(body); END $f$"
    }

    private static func closed(_ name: String) -> String { "REVOKE ALL ON FUNCTION public.\(name) FROM PUBLIC" }

    static let tables: [CreditPlant] = [
        CreditPlant(
            "a table", "GRANT UPDATE ON \(wallet) TO anon", then: update, names: wallet, "UPDATE",
            "REVOKE UPDATE ON TABLE \(wallet) FROM anon"),
        CreditPlant(
            "a column", as: "authenticated", "GRANT UPDATE (bonus_credits) ON \(wallet) TO authenticated",
            then: "UPDATE public.credit_wallet SET bonus_credits = 7", names: wallet, "UPDATE (bonus_credits)",
            "REVOKE UPDATE (bonus_credits) ON TABLE \(wallet) FROM authenticated"),
        CreditPlant(
            "everybody's insert", "GRANT INSERT ON \(ledger) TO PUBLIC",
            then: "INSERT INTO public.credit_ledger (id, user_id, type, credits_delta) "
                + "VALUES (99, '11111111-2222-3333-4444-555555555555', 'adjust', 7)", names: ledger, "INSERT",
            "REVOKE INSERT ON TABLE \(ledger) FROM PUBLIC"),
        CreditPlant(
            "a deletion that may be given on", "GRANT DELETE ON \(ledger) TO anon WITH GRANT OPTION",
            then: "DELETE FROM public.credit_ledger", names: ledger, "DELETE",
            "REVOKE DELETE ON TABLE \(ledger) FROM anon CASCADE"),
        CreditPlant(
            "truncation under row-level security",
            "ALTER TABLE \(ledger) ENABLE ROW LEVEL SECURITY; GRANT TRUNCATE ON \(ledger) TO anon",
            then: "TRUNCATE public.credit_ledger", names: ledger, "TRUNCATE",
            "REVOKE TRUNCATE ON TABLE \(ledger) FROM anon"),
        CreditPlant(
            "a policy",
            "ALTER TABLE \(wallet) ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON \(wallet) FOR UPDATE TO anon "
                + "USING (true); GRANT UPDATE ON \(wallet) TO anon", then: update, names: wallet, "UPDATE",
            "REVOKE UPDATE ON TABLE \(wallet) FROM anon"),
        CreditPlant(
            "row-level security without a policy",
            "ALTER TABLE \(wallet) ENABLE ROW LEVEL SECURITY; GRANT UPDATE ON \(wallet) TO anon", then: update,
            names: nil),
        CreditPlant(
            "the right to make triggers", "GRANT TRIGGER ON \(wallet) TO anon", then: "", names: wallet, "TRIGGER",
            "REVOKE TRIGGER ON TABLE \(wallet) FROM anon"),
        CreditPlant(
            "a role's right, by membership",
            "CREATE ROLE writers; GRANT UPDATE ON \(wallet) TO writers; GRANT writers TO anon", then: update,
            names: wallet, "UPDATE", "REVOKE UPDATE ON TABLE \(wallet) FROM writers"),
        CreditPlant(
            "the service role's right, by membership of a membership",
            "CREATE ROLE middle; GRANT UPDATE ON \(wallet) TO service_role; GRANT service_role TO middle; "
                + "GRANT middle TO anon", then: update, names: wallet, "UPDATE", "REVOKE service_role FROM middle"),
        CreditPlant(
            "the role that writes everything", "GRANT pg_write_all_data TO anon", then: update,
            names: "pg_write_all_data", "MEMBER", "REVOKE pg_write_all_data FROM anon"),
        CreditPlant(
            "a superuser", "ALTER ROLE anon SUPERUSER", then: update, names: "anon", "SUPERUSER",
            "ALTER ROLE anon NOSUPERUSER"),
        CreditPlant(
            "a table that inherits",
            "CREATE TABLE public.old_ledger () INHERITS (\(ledger)); "
                + "GRANT INSERT ON public.old_ledger TO anon",
            then: "INSERT INTO public.old_ledger (id, user_id, type, credits_delta) "
                + "VALUES (98, '11111111-2222-3333-4444-555555555555', 'adjust', 7)", names: "public.old_ledger",
            "INSERT",
            "REVOKE INSERT ON TABLE public.old_ledger FROM anon"),
        CreditPlant(
            "reading", "GRANT SELECT, REFERENCES ON \(wallet), \(ledger) TO anon",
            then: "SELECT * FROM public.credit_wallet", names: nil),
        CreditPlant(
            "a column that says nothing", "GRANT UPDATE (updated_at) ON \(wallet) TO anon",
            then: "UPDATE public.credit_wallet SET updated_at = now()", names: nil),
    ]

    static let detours: [CreditPlant] = [
        CreditPlant(
            "a view",
            "CREATE VIEW public.purse AS SELECT user_id, permanent_credits FROM \(wallet); "
                + "GRANT UPDATE ON public.purse TO anon",
            then: "UPDATE public.purse SET permanent_credits = 7", names: "public.purse", "UPDATE",
            "REVOKE UPDATE ON TABLE public.purse FROM anon"),
        CreditPlant(
            "a view of a view",
            "CREATE VIEW public.\"Inner Purse\" AS SELECT * FROM \(wallet) AS w WHERE permanent_credits >= 0; "
                + "CREATE VIEW public.outer_purse AS SELECT * FROM public.\"Inner Purse\"; "
                + "GRANT DELETE ON public.outer_purse TO anon", then: "DELETE FROM public.outer_purse",
            names: "public.outer_purse", "DELETE", "REVOKE DELETE ON TABLE public.outer_purse FROM anon"),
        CreditPlant(
            "a view with its caller's rights",
            "CREATE VIEW public.own_purse WITH (security_invoker = on) AS SELECT * FROM \(wallet); "
                + "GRANT UPDATE ON public.own_purse TO anon", then: "UPDATE public.own_purse SET permanent_credits = 7",
            names: nil),
        CreditPlant(
            "a view that only reads the wallet",
            "CREATE VIEW public.rich AS SELECT r.* FROM public.recharge_records AS r "
                + "WHERE user_id IN (SELECT user_id FROM \(wallet)); GRANT UPDATE ON public.rich TO anon",
            then: "UPDATE public.rich SET status = 'x'", names: nil),
        CreditPlant(
            "a rule",
            "CREATE TABLE public.wishes (credits integer); CREATE RULE grant_them AS ON INSERT TO public.wishes "
                + "DO ALSO UPDATE \(wallet) SET permanent_credits = NEW.credits; GRANT INSERT ON public.wishes TO anon",
            then: "INSERT INTO public.wishes VALUES (7)", names: "public.wishes", "INSERT",
            "REVOKE INSERT ON TABLE public.wishes FROM anon"),
        CreditPlant(
            "a trigger with its owner's rights",
            "CREATE FUNCTION public.pay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN "
                + "UPDATE public.credit_wallet SET permanent_credits = NEW.credits; RETURN NEW; END $f$; "
                + "CREATE TRIGGER pays AFTER INSERT ON public.recharge_records FOR EACH ROW "
                + "EXECUTE FUNCTION public.pay(); "
                + "GRANT INSERT ON public.recharge_records TO anon",
            then: "INSERT INTO public.recharge_records (id, credits) VALUES (gen_random_uuid(), 7)",
            names: "public.recharge_records", "INSERT", "REVOKE INSERT ON TABLE public.recharge_records FROM anon"),
        CreditPlant(
            "a key that cascades",
            "ALTER TABLE public.users DISABLE ROW LEVEL SECURITY; GRANT DELETE ON public.users TO anon",
            then: "DELETE FROM public.users; SET CONSTRAINTS ALL IMMEDIATE", names: "public.users", "DELETE",
            "REVOKE DELETE ON TABLE public.users FROM anon"),
        CreditPlant(
            "what is yet to be made", "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT UPDATE ON TABLES TO anon",
            then: "", names: "tables that postgres makes in public", "UPDATE",
            "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public REVOKE UPDATE ON TABLES FROM anon"),
    ]

    static let functions: [CreditPlant] = [
        CreditPlant(
            "a function", function("gift()", update), then: "SELECT public.gift()", names: "public.gift()", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.gift() FROM PUBLIC"),
        CreditPlant(
            "a function of one role",
            function("gift2()", update) + "; \(closed("gift2()")); GRANT EXECUTE ON FUNCTION public.gift2() TO anon",
            then: "SELECT public.gift2()", names: "public.gift2()", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.gift2() FROM anon"),
        CreditPlant(
            "a function that calls another that calls another",
            function("inner_gift()", update, "") + "; " + function("middle_gift()", "PERFORM public.inner_gift()", "")
                + "; "
                + function("outer_gift(n integer)", "PERFORM public.middle_gift()"),
            then: "SELECT public.outer_gift(1)", names: "public.outer_gift(integer)", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.outer_gift(integer) FROM PUBLIC"),
        CreditPlant(
            "SQL that is put together",
            function(
                "assembled()", "EXECUTE format('UPDATE %I.%I SET permanent_credits = 7', 'public', 'credit_wallet')"),
            then: "SELECT public.assembled()", names: "public.assembled()", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.assembled() FROM PUBLIC"),
        CreditPlant(
            "SQL that is handed over", function("exec_sql(q text)", "EXECUTE q"),
            then: "SELECT public.exec_sql('UPDATE public.credit_wallet SET permanent_credits = 7')",
            names: "public.exec_sql(text)", "EXECUTE", "REVOKE ALL ON FUNCTION public.exec_sql(text) FROM PUBLIC"),
        CreditPlant(
            "a procedure",
            "CREATE PROCEDURE public.give() LANGUAGE plpgsql SECURITY DEFINER AS $f$ BEGIN \(update); END $f$",
            then: "CALL public.give()", names: "public.give()", "EXECUTE",
            "REVOKE ALL ON PROCEDURE public.give() FROM PUBLIC"),
        CreditPlant(
            "a body of SQL",
            "CREATE FUNCTION public.atomic_gift() RETURNS void LANGUAGE sql SECURITY DEFINER "
                + "BEGIN ATOMIC \(update); END",
            then: "SELECT public.atomic_gift()", names: "public.atomic_gift()", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.atomic_gift() FROM PUBLIC"),
        CreditPlant(
            "an unqualified name, in capitals, with remarks between",
            function(
                "shout()", "UPDATE /* the */ ONLY -- wallet\n CREDIT_WALLET SET permanent_credits = 7",
                "SECURITY DEFINER SET search_path = public"),
            then: "SELECT public.shout()", names: "public.shout()", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.shout() FROM PUBLIC"),
        CreditPlant(
            "a deletion of users, with which the books go",
            function("delete_account(u uuid)", "DELETE FROM public.users WHERE id = u; SET CONSTRAINTS ALL IMMEDIATE"),
            then: "SELECT public.delete_account('11111111-2222-3333-4444-555555555555')",
            names: "public.delete_account(uuid)", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.delete_account(uuid) FROM PUBLIC"),
        CreditPlant(
            "a view inside of a function",
            "CREATE VIEW public.purse2 AS SELECT * FROM \(wallet); "
                + function("by_view()", "UPDATE public.purse2 SET permanent_credits = 7"),
            then: "SELECT public.by_view()", names: "public.by_view()", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.by_view() FROM PUBLIC"),
        CreditPlant(
            "a function with its caller's rights, who has none", function("own_rights()", update, ""),
            then: "SELECT public.own_rights()", names: nil),
        CreditPlant(
            "a function with its caller's rights, who has them",
            function("own_rights()", update, "") + "; GRANT UPDATE ON \(wallet) TO anon",
            then: "SELECT public.own_rights()", names: "public.own_rights()", "EXECUTE",
            "REVOKE ALL ON FUNCTION public.own_rights() FROM PUBLIC"),
        CreditPlant(
            "a function that only reads",
            function("look()", "PERFORM * FROM public.credit_wallet; -- UPDATE public.credit_wallet\n PERFORM 1"),
            then: "SELECT public.look()", names: nil),
        CreditPlant(
            "a function of another table",
            function("other()", "EXECUTE 'UPDATE public.recharge_records SET status = ''x'''"),
            then: "SELECT public.other()", names: nil),
        CreditPlant(
            "a schema that nobody may use",
            "CREATE SCHEMA private; CREATE FUNCTION private.gift() RETURNS void LANGUAGE plpgsql SECURITY DEFINER "
                + "AS $f$ BEGIN \(update); END $f$", then: "SELECT private.gift()", names: nil),
    ]
}
