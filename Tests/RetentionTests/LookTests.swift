import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// Looks into archives: purged rows that live again in tables of their own, until somebody ends that.
@Suite struct LookTests {
    private func look(_ purging: Purging, _ more: [String] = []) async throws -> ProgramRun {
        try await purging.retention(
            ["restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates]
                + ["--into", "seen"] + more)
    }

    private func forget(_ purging: Purging, _ number: String = "1") async throws -> ProgramRun {
        try await purging.retention(["forget-look", number, "--certificates", purging.certificates])
    }

    private static let kinds = "SELECT string_agg(kind, ' ' ORDER BY sequence) FROM daybook.retention_certificate"
    private static let tables = """
        SELECT n.nspname || '.' || c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relname ~ 'seen' AND c.relkind = 'r' ORDER BY 1
        """

    /// Runs the body with a purge of the sample whose archive was looked into.
    private func withLook(_ body: (Purging) async throws -> Void) async throws {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            let run = try await look(purging, ["--reason", "complaint 12"])
            #expect(run.exitCode == 0 && run.output.contains("Look 1, until "), "\(run.output)\(run.errors)")
            try await body(purging)
        }
    }

    @Test func `a look is recorded and certified, named until it is dropped, and its end is certified too`()
        async throws
    {
        try await withLook { purging in
            let before = try await purging.fingerprint()
            let recorded = try await purging.lines(
                """
                SELECT run_id, relations, reason, looked_by = session_user, dropped_at IS NULL,
                    until_at = date_trunc('day', clock_timestamp(), 'UTC') + interval '8 days',
                    relation_oids = array(SELECT r::regclass::oid FROM unnest(relations) AS r),
                    row_counts[1] = (SELECT count(*) FROM public.seen_access_log)
                FROM daybook.retention_look
                """)
            let names = "{public.seen_access_log,public.seen_api_usage,public.seen_task_content}"
            let remarks = try await purging.lines(
                """
                SELECT regexp_replace(
                    obj_description('public.seen_access_log'::regclass, 'pg_class'), '[-0-9]+T[^;]+', 'then')
                """)
            let next = "drop it with: daybook retention forget-look 1"
            #expect(remarks == ["Daybook look 1 (access_log): rows of purge 1, until then; \(next)"], "\(remarks)")
            #expect(recorded.count == 1 && recorded[0].hasPrefix("1|\(names)|complaint 12|"), "\(recorded)")
            #expect(
                recorded[0].hasSuffix("t|t|t|t|t") || recorded[0].hasSuffix("true|true|true|true|true"), "\(recorded)")
            #expect(try await purging.lines(Self.kinds) == ["purge look"])
            let page = try String(contentsOfFile: purging.certificates + "/certificate-000002.html", encoding: .utf8)
            #expect(page.contains("complaint 12") && page.contains("public.seen_task_content"))

            let named = try await purging.retention(["verify"])
            #expect(named.exitCode == 2, "\(named.output)")
            for part in ["look 1", "public.seen_access_log", "complaint 12", "daybook retention forget-look 1"] {
                #expect(named.output.contains(part), "\(part): \(named.output)")
            }
            let ended = try await forget(purging)
            #expect(ended.exitCode == 0 && ended.output.contains("dropped public.seen_api_usage"), "\(ended.errors)")
            #expect(try await purging.lines(Self.tables) == [])
            #expect(try await purging.lines(Self.kinds) == ["purge look look_dropped"])
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            let again = try await forget(purging)
            #expect(again.exitCode == 64 && again.errors.contains("has ended already"), "\(again.errors)")
            let none = try await forget(purging, "2")
            #expect(
                none.exitCode == 64
                    && none.errors
                        == "daybook: There is no look 2; daybook retention verify names those that are open.\n",
                "\(none.errors)")
        }
    }

    @Test func `a look needs a reason and an end that is not far, and takes no table that is there`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            let refused: [(more: [String], what: String)] = [
                ([], "--reason"), (["--reason", " "], "--reason"),
                (
                    ["--reason", "r", "--until", "2020-01-01"],
                    "nothing was put back. What is needed for longer is put back under a hold, without --into.\n"
                ),
                (["--reason", "r", "--until", "2199-01-01"], "ends between"),
                (["--reason", "r", "--until", "soon"], "date"),
            ]
            for (more, what) in refused {
                let run = try await look(purging, more)
                #expect(run.exitCode == 64 && run.errors.contains(what), "\(more): \(run.errors)")
            }
            let manifest = purging.archive + "/run-000001/manifest.json"
            let long = String(repeating: "x", count: 60)
            let cut = try await purging.retention(
                ["restore", manifest, "--certificates", purging.certificates, "--into", long, "--reason", "r"])
            #expect(
                cut.errors == "daybook: The name that --into gives is too long for a table; nothing was put back.\n")
            let without = try await purging.retention(["restore", manifest, "--reason", "r"])
            #expect(without.exitCode == 64 && without.errors.contains("--into"), "\(without.errors)")
            // Somebody's own: the end of a look would drop it.
            try await execute("CREATE TABLE public.seen_api_usage (note text)", in: purging.settings)
            let taken = try await look(purging, ["--reason", "r"])
            #expect(taken.exitCode == 65 && taken.errors.contains("public.seen_api_usage is there"), "\(taken.errors)")
            #expect(try await purging.lines(Self.tables) == ["public.seen_api_usage"])
            #expect(try await purging.lines(Self.kinds) == ["purge"])
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_look") == 0)
        }
    }

    @Test func `tables that were renamed, moved or dropped by hand are named by what became of them`() async throws {
        try await withLook { purging in
            let oids = try await purging.lines(
                """
                SELECT 'public.seen_access_log'::regclass::oid, 'public.seen_task_content'::regclass::oid,
                    'public.seen_api_usage'::regclass::oid
                """)[0].split(separator: "|")
            try await execute(
                """
                ALTER TABLE public.seen_access_log RENAME TO nothing_of_interest;
                CREATE SCHEMA elsewhere;
                ALTER TABLE public.seen_task_content SET SCHEMA elsewhere;
                DROP TABLE public.seen_api_usage
                """, in: purging.settings)
            let named = try await purging.retention(["verify"])
            #expect(named.exitCode == 2)
            for part in [
                "public.nothing_of_interest, which was public.seen_access_log (OID \(oids[0]))",
                "elsewhere.seen_task_content, which was public.seen_task_content (OID \(oids[1]))",
                "its table public.seen_api_usage (OID \(oids[2])) was dropped by hand",
            ] { #expect(named.output.contains(part), "\(part): \(named.output)") }
            let ended = try await forget(purging)
            #expect(ended.exitCode == 0, "\(ended.errors)")
            #expect(ended.output.contains("dropped public.nothing_of_interest"), "\(ended.output)")
            #expect(ended.output.contains("dropped by somebody else before: public.seen_api_usage"), "\(ended.output)")
            let left =
                """
                SELECT to_regclass('public.nothing_of_interest') IS NULL
                    AND to_regclass('elsewhere.seen_task_content') IS NULL
                """
            #expect(["t", "true"].contains(try await purging.lines(left)[0]))
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `a table that came back from a dump is found by its mark, and one without it is not dropped`()
        async throws
    {
        try await withLook { purging in
            // As a dump brings it back: the same name and comment, another OID.
            try await execute(
                """
                CREATE TABLE public.returned AS SELECT * FROM public.seen_access_log;
                DO $$ BEGIN EXECUTE format('COMMENT ON TABLE public.returned IS %L',
                    obj_description('public.seen_access_log'::regclass)); END $$;
                DROP TABLE public.seen_access_log;
                ALTER TABLE public.returned RENAME TO seen_access_log;
                COMMENT ON TABLE public.seen_task_content IS NULL;
                ALTER TABLE public.seen_task_content RENAME TO whose
                """, in: purging.settings)
            let named = try await purging.retention(["verify"])
            #expect(named.output.contains("public.whose has the OID of its table"), "\(named.output)")
            let refused = try await forget(purging)
            #expect(refused.exitCode == 65 && refused.errors.contains("nothing was dropped"), "\(refused.errors)")
            #expect(try await purging.lines(Self.tables).count == 2)
            try await execute("DROP TABLE public.whose", in: purging.settings)
            #expect(try await forget(purging).exitCode == 0)
            #expect(try await purging.lines(Self.tables) == [])
            // Restored from a backup once more.
            try await execute(
                """
                CREATE TABLE public.seen_access_log (id uuid);
                COMMENT ON TABLE public.seen_access_log IS 'Daybook look 1 (access_log): of yesterday'
                """, in: purging.settings)
            let back = try await purging.retention(["verify"])
            #expect(
                back.exitCode == 2 && back.output.contains("certified as ended, and its table is there"),
                "\(back.output)")
        }
    }

    @Test func `what is recorded of a look stays, and a record that was altered or removed is found`() async throws {
        try await withLook { purging in
            for change in [
                "UPDATE daybook.retention_look SET reason = 'another'", "DELETE FROM daybook.retention_look",
                "TRUNCATE daybook.retention_look",
            ] {
                await #expect(throws: PostgresError.self) { try await execute(change, in: purging.settings) }
            }
            try await execute(
                """
                ALTER TABLE daybook.retention_look DISABLE TRIGGER USER;
                UPDATE daybook.retention_look SET until_at = until_at + interval '1 year'
                """, in: purging.settings)
            let altered = try await purging.retention(["verify"])
            #expect(altered.output.contains("not recorded as it was certified"), "\(altered.output)")
            try await execute("DELETE FROM daybook.retention_look", in: purging.settings)
            let removed = try await purging.retention(["verify"])
            #expect(removed.exitCode == 2 && removed.output.contains("its look 1 is not recorded"), "\(removed.output)")
        }
    }

    @Test func `whoever destroys an archive is told of the looks that still hold its rows`() async throws {
        try await withLook { purging in
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            let run = try await purging.retention(["expire-archives", "--certificates", purging.certificates])
            let told = "are still in the tables of look 1; drop them with: daybook retention forget-look 1\n"
            #expect(run.exitCode == 0 && run.errors.contains(told), "\(run.errors)")
            // A view of somebody's stands on a table: it is named by its table, and nothing is dropped.
            try await execute(
                "CREATE VIEW public.onlooker AS SELECT * FROM public.seen_access_log", in: purging.settings)
            let refused = try await forget(purging)
            #expect(
                refused.exitCode == 65 && refused.errors.contains("stands on public.seen_access_log"),
                "\(refused.errors)")
            try await execute("DROP VIEW public.onlooker", in: purging.settings)
            #expect(try await forget(purging).exitCode == 0)
        }
    }
}
