import TestSupport
import Testing

/// Erasures on a database that Daybook made, whose access log is divided by months.
@Suite struct ErasureMonthTests {
    /// A database with one customer, who has nothing yet.
    private static func withOwnDatabase(_ body: (Purging) async throws -> Void) async throws {
        try await withDatabase { settings in
            let purging = try Purging(settings)
            try await ProgramRun.expectingSuccess(["database", "migrate"] + purging.database)
            try await execute(
                """
                INSERT INTO public.users (id) VALUES ('00000000-0000-0000-0000-00000000000a');
                INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days,
                    monthly_fee_usd, contract_profile)
                VALUES ('00000000-0000-0000-0000-00000000000a', 'one', 'One', 'payg', 'USD', 'UTC', 30, 0, 'standard');
                """, in: settings)
            try await body(purging)
        }
    }

    private static func erase(_ purging: Purging) async throws -> ProgramRun {
        try await purging.retention(
            [
                "erase", "--yes", "--quiet", "--account", "one", "--reason", "contract ended", "--requested-by",
                "counsel",
            ]
                + purging.places)
    }

    @Test func `a month that holds one customer's rows alone is not dropped for his erasure`() async throws {
        try await Self.withOwnDatabase { purging in
            try await execute(
                """
                CREATE TABLE public.video_external_access_log_2026_01 PARTITION OF public.video_external_access_log
                    FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
                INSERT INTO public.video_external_access_log (
                    video_id, owner_id, action, source, policy_snapshot, created_at)
                SELECT gen_random_uuid(), '00000000-0000-0000-0000-00000000000a', 'play', 'embed', '{}',
                    timestamptz '2026-01-01Z' + n * interval '1 hour'
                FROM generate_series(0, 600) AS n
                """, in: purging.settings)
            let run = try await Self.erase(purging)
            #expect(run.exitCode == 0 && run.output.contains("erased 601 rows of one"), "\(run.output)\(run.errors)")
            let attached = """
                SELECT count(*)::text FROM pg_inherits
                WHERE inhrelid = 'public.video_external_access_log_2026_01'::regclass
                """
            #expect(try await purging.number(attached) == 1)
            #expect(try await purging.number("SELECT sum(accesses)::text FROM daybook.access_total") == 601)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `a trial also tries the months that are kept by every policy and have rows that an erasure is owed`()
        async throws
    {
        try await Self.withOwnDatabase { purging in
            try await execute(
                """
                INSERT INTO public.video_external_access_log (
                    video_id, owner_id, action, source, policy_snapshot, created_at)
                VALUES ('00000000-0000-0000-0000-0000000000aa', '00000000-0000-0000-0000-00000000000a', 'play',
                    'embed', '{}', now());
                CREATE FUNCTION public.never() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'never'; END $$
                """, in: purging.settings)
            let hold = ["hold", "add", "--matter", "case 7", "--requested-by", "counsel", "--account", "one"]
            #expect(try await purging.retention(hold).exitCode == 0)
            let run = try await Self.erase(purging)
            #expect(run.exitCode == 2 && run.output.contains("1 rows of access_log are held"), "\(run.output)")
            #expect(try await purging.retention(["hold", "release", "1", "--reason", "settled"]).exitCode == 0)
            try await execute(
                """
                CREATE TRIGGER never BEFORE DELETE ON public.video_external_access_log
                    FOR EACH ROW EXECUTE FUNCTION public.never()
                """, in: purging.settings)
            let words = ["purge", "--yes", "--quiet", "--expect-rows", "1"] + purging.places
            let refused = try await purging.retention(words)
            #expect(refused.exitCode == 65 && refused.errors.contains("A trial"), "\(refused.errors)")
            let begun = "SELECT count(*)::text FROM daybook.purge_run WHERE state = 'running'"
            #expect(try await purging.number(begun) == 0)
            try await execute("DROP TRIGGER never ON public.video_external_access_log", in: purging.settings)
            let purge = try await purging.retention(words)
            #expect(purge.exitCode == 0 && purge.output.contains("took 1 rows"), "\(purge.output)\(purge.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }
}
