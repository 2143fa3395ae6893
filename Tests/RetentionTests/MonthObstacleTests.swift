import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// What would keep a month from being dropped: named, with what mends it, before the first row is gone.
@Suite struct MonthObstacleTests {
    private static let month = OwnMonths.month

    /// Everything that hangs on a month, with the words that name it.
    private static let planted: [(name: String, script: String)] = [
        ("public.january", "CREATE VIEW public.january AS SELECT id FROM \(month)"),
        (
            "public.january_of_views",
            """
            CREATE VIEW public.january_below AS SELECT id FROM \(month);
            CREATE MATERIALIZED VIEW public.january_of_views AS SELECT id FROM public.january_below
            """
        ),
        ("public.kept.entry", "CREATE TABLE public.kept (entry \(month), remark text)"),
        ("public.pair.entry", "CREATE TYPE public.pair AS (entry \(month), remark text)"),
        ("public.entries", "CREATE DOMAIN public.entries AS \(month)[]"),
        (
            "public.of_rows",
            "CREATE FUNCTION public.of_rows(\(month)) RETURNS integer LANGUAGE sql AS 'SELECT 1'"
        ),
        (
            "public.of_body",
            """
            CREATE FUNCTION public.of_body() RETURNS bigint LANGUAGE sql
            BEGIN ATOMIC SELECT count(*) FROM \(month); END
            """
        ),
        (
            "only_known on public.guarded",
            """
            CREATE TABLE public.guarded (id uuid);
            CREATE POLICY only_known ON public.guarded USING (id IN (SELECT id FROM \(month)))
            """
        ),
        (
            "note on public.watched",
            """
            CREATE TABLE public.watched (id uuid);
            CREATE RULE note AS ON INSERT TO public.watched DO ALSO UPDATE \(month) SET source = 'embed' WHERE false
            """
        ),
        (
            "referring_entry on public.referring",
            """
            ALTER TABLE \(month) ADD CONSTRAINT known_once UNIQUE (id);
            CREATE TABLE public.referring (entry uuid CONSTRAINT referring_entry REFERENCES \(month) (id))
            """
        ),
        (
            "public.numbered",
            """
            CREATE SEQUENCE public.of_january OWNED BY \(month).id;
            CREATE TABLE public.numbered (id bigint DEFAULT nextval('public.of_january'))
            """
        ),
        ("The extension plpgsql", "ALTER EXTENSION plpgsql ADD TABLE \(month)"),
    ]

    private func months(_ purging: Purging) async throws -> [String] {
        try await purging.lines(
            """
            SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '\(OwnMonths.log)'::regclass
                AND inhrelid::regclass::text ~ '2026_0[12]$' ORDER BY 1
            """)
    }

    @Test func `what hangs on a month is named with its name, and what is said to mend it does`() async throws {
        try await OwnMonths.with { purging in
            #expect(try await OwnMonths.plan(purging).wholePartitions.count == 2)
            for (name, script) in Self.planted {
                try await execute(script, in: purging.settings)
                let plan = try await OwnMonths.plan(purging)
                #expect(plan.obstacles.contains { $0.sentence.contains(name) }, "\(name): \(plan.obstacles)")
                let refusal = try await OwnMonths.refusal(purging)
                #expect(refusal?.kind == .configuration, "\(name)")
                #expect(refusal?.sentence.contains(name) == true, "\(refusal?.sentence ?? "nothing")")
                try await execute(plan.obstacles.map(\.mend).joined(separator: ";\n"), in: purging.settings)
                #expect(try await OwnMonths.plan(purging).obstacles.isEmpty, "\(name)")
                #expect(try await OwnMonths.refusal(purging) == nil, "\(name)")
            }
        }
    }

    @Test func `all of it at once: plan and check name each, the purge refuses before its first row, and then goes`()
        async throws
    {
        try await OwnMonths.with { purging in
            try await execute(Self.planted.map(\.script).joined(separator: ";\n"), in: purging.settings)
            let before = try await OwnMonths.rows(purging)
            let plan = try await purging.retention(["plan"] + Purging.date)
            let check = try await ProgramRun(["database", "check"] + purging.database)
            let refused = try await purging.purge()
            #expect(refused.exitCode == 78, "\(refused.errors)")
            for (name, _) in Self.planted {
                #expect(plan.output.contains(name), "\(name): \(plan.output)")
                #expect(check.output.contains(name), "\(name): \(check.output)")
                #expect(refused.errors.contains(name), "\(name): \(refused.errors)")
            }
            #expect(try await OwnMonths.rows(purging) == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0)
            let mends = try await OwnMonths.plan(purging).obstacles.map(\.mend)
            try await execute(mends.joined(separator: ";\n"), in: purging.settings)
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await months(purging).isEmpty)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `what hangs on a month that is kept, or on the whole log, is in nobody's way`() async throws {
        try await OwnMonths.with { purging in
            try await execute(
                """
                CREATE VIEW public.whole AS SELECT id FROM \(OwnMonths.log);
                CREATE VIEW public.next AS SELECT id FROM \(OwnMonths.log)_2026_11
                """, in: purging.settings)
            #expect(try await OwnMonths.plan(purging).obstacles.isEmpty)
            let check = try await ProgramRun(["database", "check"] + purging.database)
            #expect(check.output.contains("public.next") && !check.output.contains("public.whole"), "\(check.output)")
            #expect(try await purging.purge().exitCode == 0)
        }
    }

    @Test func `what comes between the plan and the drop leaves the month where it is, and its rows in every report`()
        async throws
    {
        try await OwnMonths.with { purging in
            let before = try await OwnMonths.rows(purging)
            // In the transaction of the drop itself, when all of it is archived and counted.
            try await execute(
                """
                CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN CREATE OR REPLACE VIEW public.late AS SELECT id FROM \(Self.month); RETURN NULL; END $$;
                CREATE TRIGGER look AFTER INSERT ON daybook.access_total FOR EACH STATEMENT EXECUTE FUNCTION public.look()
                """, in: purging.settings)
            let stopped = try await purging.purge()
            #expect(stopped.exitCode == 78, "\(stopped.errors)")
            #expect(stopped.errors.contains("--resume"), "\(stopped.errors)")
            #expect(try await months(purging).count == 2)
            #expect(try await OwnMonths.rows(purging) == before)
            #expect(try purging.archivedRows() == 0)
            try await execute("DROP TRIGGER look ON daybook.access_total", in: purging.settings)
            let resumed = try await purging.resume()
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            #expect(try await months(purging).isEmpty)
            #expect(try await purging.number("SELECT sum(accesses)::text FROM daybook.access_total") == before)
        }
    }

    @Test func `an event trigger is named, and its refusal is found by a trial`() async throws {
        try await OwnMonths.with { purging in
            try await execute(
                """
                CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'no table is dropped here' USING ERRCODE = 'X0001'; END $$;
                CREATE EVENT TRIGGER keep_tables ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION public.refuse()
                """, in: purging.settings)
            let before = try await OwnMonths.rows(purging)
            let plan = try await purging.retention(["plan"] + Purging.date)
            #expect(plan.output.contains("The event trigger keep_tables is called"), "\(plan.output)")
            let check = try await ProgramRun(["database", "check"] + purging.database)
            #expect(check.output.contains("ALTER EVENT TRIGGER keep_tables DISABLE"), "\(check.output)")
            let refused = try await purging.purge()
            #expect(refused.exitCode == 65, "\(refused.errors)")
            #expect(refused.errors.contains("ALTER EVENT TRIGGER keep_tables DISABLE"), "\(refused.errors)")
            #expect(try await OwnMonths.rows(purging) == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0)
            try await execute("ALTER EVENT TRIGGER keep_tables DISABLE", in: purging.settings)
            #expect(try await purging.retention(["plan"] + Purging.date).output.contains("keep_tables") == false)
            #expect(try await purging.purge().exitCode == 0)
        }
    }

    @Test func `a login that may not drop a month sweeps it, and is told what would let it go as a whole`() async throws
    {
        try await OwnMonths.with { purging in
            try await ProgramRun.expectingSuccess(["database", "roles"] + purging.database)
            // Never the membership in a superuser is what would mend it.
            try await withLogin(purging.settings, rights: "GRANT daybook_purge TO LOGIN") { login in
                let nightly = try Purging(login)
                let plan = try await nightly.retention(["plan"] + Purging.date)
                #expect(plan.exitCode == 0, "\(plan.errors)")
                #expect(plan.output.contains("may not detach and drop \(Self.month)"), "\(plan.output)")
                #expect(plan.output.contains("OWNER TO a role that login_"), "\(plan.output)")
                #expect(!plan.output.contains("Dropped whole"), "\(plan.output)")
                let run = try await nightly.purge()
                #expect(run.exitCode == 0, "\(run.errors)")
                #expect(try await OwnMonths.rows(purging) == 0)
                #expect(try await months(purging).count == 2)
            }
        }
    }

    @Test func `a month that an earlier version detached is given back first, also where the purge is refused then`()
        async throws
    {
        try await OwnMonths.with { purging in
            let before = try await OwnMonths.rows(purging)
            try await OwnMonths.detach(purging)
            try await execute("CREATE VIEW public.january AS SELECT id FROM \(Self.month)", in: purging.settings)
            #expect(try await OwnMonths.rows(purging) < before)
            let check = try await ProgramRun(["database", "check"] + purging.database)
            #expect(check.output.contains("detached \(Self.month) and ended before its drop"), "\(check.output)")
            let refused = try await purging.retention(
                ["purge", "--resume", "--quiet", "--certificates", purging.certificates])
            #expect(refused.exitCode == 78 && refused.errors.contains("public.january"), "\(refused.errors)")
            #expect(try await OwnMonths.rows(purging) == before)
            try await execute("DROP VIEW public.january", in: purging.settings)
            let resumed = try await purging.retention(
                ["purge", "--resume", "--quiet", "--certificates", purging.certificates])
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            #expect(try await OwnMonths.rows(purging) == 0)
            #expect(try await months(purging).isEmpty)
            #expect(try await purging.number("SELECT sum(accesses)::text FROM daybook.access_total") == before)
        }
    }

    @Test func `rows that refer to a month through the whole log are found by the trial`() async throws {
        try await OwnMonths.with { purging in
            try await execute(
                """
                ALTER TABLE \(OwnMonths.log) ALTER COLUMN created_at SET NOT NULL,
                    ADD CONSTRAINT known_once UNIQUE (id, created_at);
                CREATE TABLE public.complaint (id uuid, at timestamptz,
                    CONSTRAINT complaint_access FOREIGN KEY (id, at) REFERENCES \(OwnMonths.log) (id, created_at));
                INSERT INTO public.complaint SELECT id, created_at FROM \(Self.month) ORDER BY created_at DESC LIMIT 1
                """, in: purging.settings)
            let refusal = try await OwnMonths.refusal(purging)
            #expect(refusal?.kind == .configuration)
            #expect(
                refusal?.sentence.contains("still refer to rows of \(Self.month)") == true,
                "\(String(describing: refusal))")
            try await execute("DELETE FROM public.complaint", in: purging.settings)
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await months(purging).isEmpty)
        }
    }

    @Test func `a month whose detaching somebody began is named, with what ends it`() async throws {
        try await OwnMonths.with { purging in
            // PostgreSQL lets a month go by and by only where there is no default partition.
            try await execute("DROP TABLE \(OwnMonths.log)_default", in: purging.settings)
            let reader = try await Connection.open(purging.settings)
            let owner = try await Connection.open(purging.settings)
            try await reader.run { try $0.executeScript("BEGIN; SELECT count(*) FROM \(OwnMonths.log)") }
            try await owner.run { try $0.executeAlone("SET statement_timeout = 300") }
            await #expect(throws: PostgresError.self) {
                try await owner.run {
                    try $0.executeAlone("ALTER TABLE \(OwnMonths.log) DETACH PARTITION \(Self.month) CONCURRENTLY")
                }
            }
            try await reader.run { try $0.executeScript("COMMIT") }
            await reader.close()
            await owner.close()
            let obstacles = try await OwnMonths.plan(purging).obstacles
            #expect(obstacles.map(\.mend) == ["ALTER TABLE \(OwnMonths.log) DETACH PARTITION \(Self.month) FINALIZE"])
            #expect(try await purging.purge().exitCode == 78)
            try await execute(obstacles.map(\.mend).joined(), in: purging.settings)
            #expect(try await OwnMonths.refusal(purging) == nil)
        }
    }

    @Test func `a month of the ledger on which a view hangs is named before anything is replaced`() async throws {
        try await CarriedBooks.with { purging in
            try await execute(
                "CREATE VIEW public.old AS SELECT id FROM public.credit_ledger_2016_01", in: purging.settings)
            let books = try await purging.books()
            let refused = try await CarryForwardTests.carry(purging)
            #expect(refused.exitCode == 78 && refused.errors.contains("DROP VIEW public.old"), "\(refused.errors)")
            #expect(try await purging.books() == books)
        }
    }
}
