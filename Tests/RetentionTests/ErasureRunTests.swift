import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// How an erasure is asked for, rehearsed, interrupted and taken back.
@Suite struct ErasureRunTests {
    private static let asked = ["--reason", "ticket 12", "--requested-by", "support"]

    @Test func `it needs one scope, a reason, a person, and a word about the archive, and is asked for by a person`()
        async throws
    {
        try await withPurging { purging in
            let account = ["--account", "customer0"]
            for (options, sentence) in [
                (Self.asked + ["--no-archive"], "Name one of --account and --video"),
                (account + ["--video", "x", "--no-archive"] + Self.asked, "Name one of --account and --video"),
                (account + ["--reason", " ", "--requested-by", "support", "--no-archive"], "--reason needs a text"),
                (account + ["--reason", "x", "--no-archive"], "--requested-by needs a text"),
                (account + Self.asked, "Say --archive DIR"),
                (["--account", "nobody", "--no-archive", "--yes"] + Self.asked, "There is no account \"nobody\""),
                (account + ["--no-archive"] + Self.asked, "Nobody is there to ask"),
            ] {
                let run = try await purging.retention(["erase", "--certificates", purging.certificates] + options)
                #expect(run.exitCode == 64 && run.errors.contains(sentence), "\(options): \(run.errors)")
            }
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0)
        }
    }

    @Test func `a dry run shows what would go and what would stay, names the copies, and writes nothing`() async throws
    {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            try await execute(
                """
                INSERT INTO daybook.retention_look (
                    run_id, relations, relation_oids, data_classes, row_counts, reason, until_at)
                VALUES (1, '{looked_at_access_log}', '{0}', '{access_log}', '{1}', 'case 7', '2031-02-03Z')
                """, in: purging.settings)
            let before = try await purging.fingerprint()
            let run = try await purging.retention(["erase", "--dry-run", "--account", "customer5"] + Self.asked)
            #expect(run.exitCode == 2, "\(run.errors)")
            #expect(run.output.contains("Erasure of customer5\n"), "\(run.output)")
            #expect(run.output.contains("Would stay: 11 rows of task_content are of tasks that run"), "\(run.output)")
            let copy = "/archive/run-000001, holds rows of customer5, until "
            #expect(run.output.contains(copy), "\(run.output)")
            #expect(
                run.output.contains("Copy: look 1, looked_at_access_log, holds rows of customer5, until 2031-02-03"))
            #expect(run.output.contains("Nothing was erased."))
            let clean = try await purging.retention(["erase", "--dry-run", "--account", "customer0"] + Self.asked)
            #expect(clean.exitCode == 0, "\(clean.output)\(clean.errors)")
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 1)
        }
    }

    /// What an erasure of customer0 that was killed early leaves: its record, and the first pages of the log taken.
    private static func begin(_ purging: Purging) async throws {
        let connection = try await Connection.open(purging.settings)
        let request = try ErasureRequest(.account("customer0"), reason: "ticket 12", requestedBy: "support")
        let plan = try await PlanReader(erasure: request).run(connection)
        let told = try purging.purgeSettings(archive: try ArchivePlace(folder: purging.archive))
        try ArchiveFolder(path: purging.archive).make()
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            let run = try PurgeRun.record(plan, told, session)
            try run.archive?.makeNew()
            try RunRecord.beginSweeps(run.id, .accessLog, again: false, session)
            let statement = try SweepStatement(.accessLog, try DeploymentShape(session), run.terms, session)
            let step = SweepStep(
                run: run, statement: statement, dataClass: .accessLog, relation: "public.video_external_access_log",
                key: nil)
            _ = try step.take(0..<40, .none, session)
        }
        await connection.close()
    }

    @Test(arguments: ["erase", "purge"])
    func `one that was interrupted goes on with its own customer alone, and is certified as what it is`(
        _ command: String
    ) async throws {
        try await withPurging { purging in
            let owner = "(SELECT a.user_id FROM daybook.account AS a WHERE a.slug = 'customer0')"
            let others = """
                SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE "C")) FROM public.video_tasks AS t
                WHERE t.user_id <> \(owner)
                """
            let before = try await purging.lines(others)
            try await Self.begin(purging)
            let refused = try await purging.purge()
            #expect(refused.exitCode == 75 && refused.errors.contains("--resume"), "\(refused.errors)")
            let resumed = try await purging.retention([command, "--resume", "--quiet"] + purging.places)
            #expect(resumed.exitCode == 0, "\(resumed.output)\(resumed.errors)")
            #expect(try await purging.lines(others) == before)
            let content = "SELECT count(*)::text FROM public.video_tasks WHERE prompt <> '' AND user_id = \(owner)"
            #expect(try await purging.number(content) == 0)
            #expect(try await purging.lines("SELECT kind FROM daybook.retention_certificate") == ["erasure"])
            #expect(try await purging.lines("SELECT DISTINCT user_id = \(owner) FROM daybook.purge_total") == ["t"])
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
        }
    }

    @Test func `what is put back from its archive was taken back, and is no debt`() async throws {
        try await withPurging { purging in
            let erase = ["erase", "--yes", "--quiet", "--account", "customer0"] + Self.asked + purging.places
            let before = try await purging.fingerprint()["public.video_tasks"]
            #expect(try await purging.retention(erase).exitCode == 0)
            #expect(try await purging.fingerprint()["public.video_tasks"] != before)
            let manifest = purging.archive + "/run-000001/manifest.json"
            let restored = try await purging.retention(["restore", manifest, "--certificates", purging.certificates])
            #expect(restored.exitCode == 0, "\(restored.errors)")
            #expect(try await purging.fingerprint()["public.video_tasks"] == before)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
        }
    }

    @Test func `a request that was altered is found, and the database alters none`() async throws {
        try await withPurging { purging in
            let erase = ["erase", "--yes", "--quiet", "--account", "customer0", "--no-archive"] + Self.asked
            let run = try await purging.retention(erase + ["--certificates", purging.certificates])
            #expect(run.exitCode == 0, "\(run.errors)")
            let change = "UPDATE daybook.erasure SET requested_by = 'nobody'"
            await #expect(throws: (any Error).self) { try await execute(change, in: purging.settings) }
            await #expect(throws: (any Error).self) {
                try await execute("DELETE FROM daybook.erasure", in: purging.settings)
            }
            try await execute(
                "ALTER TABLE daybook.erasure DISABLE TRIGGER erasure_only_settles; \(change)", in: purging.settings)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 2, "\(verified.output)")
            #expect(verified.output.contains("was asked to be erased is not what was recorded"), "\(verified.output)")
        }
    }

    @Test func `what comes back of an erased customer is named by the verification`() async throws {
        try await withPurging { purging in
            let erase = ["erase", "--yes", "--quiet", "--account", "customer0", "--no-archive"] + Self.asked
            #expect(try await purging.retention(erase + ["--certificates", purging.certificates]).exitCode == 0)
            try await execute(
                """
                UPDATE public.video_tasks SET prompt = 'again' WHERE id = (
                    SELECT t.id FROM public.video_tasks AS t JOIN daybook.account AS a ON a.user_id = t.user_id
                    WHERE a.slug = 'customer0' ORDER BY t.id LIMIT 1)
                """, in: purging.settings)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 2, "\(verified.output)")
            #expect(
                verified.output.contains("1 rows of task_content are there, and nothing keeps them"),
                "\(verified.output)")
        }
    }
}

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
