import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// The files of archives and certificates: who may read them, and what is removed with them.
@Suite struct FileTests {
    @Test(arguments: [("000", nil, "600", "700"), ("022", nil, "600", "700"), ("077", "0644", "644", "755")])
    func `an archive is its owner's alone, and so are certificates unless they are for others`(
        mask: String, mode: String?, file: String, directory: String
    ) async throws {
        try await withPurging { purging in
            let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            let run = try await ProgramRun(
                [
                    "-c", "umask \"$1\" && shift && exec \"$@\"", "sh", mask, ProgramRun.daybook, "retention", "purge",
                    "--yes", "--quiet", "--expect-rows", String(rows),
                ] + purging.places + Purging.date + (mode.map { ["--mode", $0] } ?? []) + purging.database,
                program: "/bin/sh")
            #expect(run.exitCode == 0, "\(run.errors)")
            let all = try purging.folder.permissions()
            #expect(all["archive/run-000001/manifest.json"] == "600" && all["certificates/"] == directory)
            for (name, permissions) in all {
                let isArchive = name.hasPrefix("archive/")
                let expected =
                    name.hasSuffix("/") ? (isArchive ? "700" : directory) : (isArchive ? "600" : file)
                #expect(permissions == expected, "\(name): \(permissions)")
            }
            #expect(all.keys.contains { $0.hasSuffix(".csv.gz") } && all.keys.contains { $0.hasSuffix(".html") })
        }
    }

    @Test
    func `a link in the place of an archive is not taken for it: what it leads to is neither removed nor certified`()
        async throws
    {
        try await withPurging { purging in
            #expect(try await purging.purge(["--archive-days", "1"]).exitCode == 0)
            try await execute(
                "UPDATE daybook.purge_run SET archive_expires_at = clock_timestamp() - interval '1 s'",
                in: purging.settings)
            let (archive, elsewhere) = (purging.archive + "/run-000001", purging.folder.file("elsewhere"))
            try FileManager.default.moveItem(atPath: archive, toPath: elsewhere)
            try FileManager.default.createSymbolicLink(atPath: archive, withDestinationPath: elsewhere)
            let expire = ["expire-archives", "--certificates", purging.certificates]
            let refused = try await purging.retention(expire)
            #expect(refused.exitCode == 73 && refused.errors.contains("no folder but a link"), "\(refused.errors)")
            #expect(FileManager.default.fileExists(atPath: elsewhere + "/manifest.json"))
            #expect(!FileManager.default.fileExists(atPath: purging.certificates + "/certificate-000002.json"))
            try FileManager.default.removeItem(atPath: archive)
            try FileManager.default.moveItem(atPath: elsewhere, toPath: archive)
            #expect(try await purging.retention(expire).exitCode == 0)
            #expect(!FileManager.default.fileExists(atPath: archive))
        }
    }

    @Test func `of an interrupted run only the files that it would have named are left-overs`() async throws {
        try await withPurging { purging in
            try await purging.begin(pages: 0..<16)
            let left = purging.archive + "/run-000001/"
            for name in ["000099-access_log.csv.gz", "letter.csv.gz", "000099.csv.gz.txt"] {
                try Data("x".utf8).write(to: URL(fileURLWithPath: left + name))
            }
            #expect(try await purging.resume().exitCode == 0)
            let there = try FileManager.default.contentsOfDirectory(atPath: left)
            #expect(there.contains("letter.csv.gz") && there.contains("000099.csv.gz.txt"))
            #expect(!there.contains("000099-access_log.csv.gz"))
        }
    }
}

/// Archives that come back to tables that have changed meanwhile.
@Suite struct RestoreTests {
    private func restore(_ purging: Purging, _ more: [String] = []) async throws -> ProgramRun {
        try await purging.retention(
            ["restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates] + more)
    }

    @Test func `rows that were put back by hand into a log without a key are not put back twice`() async throws {
        try await withPurging { purging in
            try await execute(
                """
                ALTER TABLE public.video_external_access_log DROP CONSTRAINT IF EXISTS video_external_access_log_pkey;
                CREATE TABLE public.kept_by_hand AS SELECT * FROM public.video_external_access_log
                """, in: purging.settings)
            #expect(try await purging.purge().exitCode == 0)
            try await execute(
                """
                INSERT INTO public.video_external_access_log SELECT k.* FROM public.kept_by_hand AS k
                WHERE NOT EXISTS (SELECT FROM public.video_external_access_log AS l WHERE l.id = k.id) LIMIT 1
                """, in: purging.settings)
            let before = try await purging.fingerprint()
            let run = try await restore(purging)
            #expect(run.exitCode == 65 && run.errors.contains("1 of the rows of"), "\(run.errors)")
            let look = " Take them out there first, or look at the archive with --into TABLE.\n"
            #expect(run.errors.hasSuffix(look), "\(run.errors)")
            #expect(try await purging.fingerprint() == before)
        }
    }

    @Test func `where a task was deleted since, the others are put back and it is named`() async throws {
        try await withPurging { purging in
            let tasks = """
                SELECT md5(string_agg(t::text, E'\\n' ORDER BY user_id, id)) FROM public.video_tasks AS t
                WHERE id <> (SELECT task_id FROM public.chosen)
                """
            try await execute(
                "CREATE TABLE public.original AS SELECT * FROM public.video_tasks", in: purging.settings)
            #expect(try await purging.purge().exitCode == 0)
            try await execute(
                """
                CREATE TABLE public.chosen AS
                    SELECT user_id, task_id FROM daybook.task_redaction ORDER BY task_id LIMIT 1;
                DELETE FROM public.video_tasks WHERE id = (SELECT task_id FROM public.chosen)
                """, in: purging.settings)
            let chosen = try await purging.lines("SELECT task_id::text FROM public.chosen")[0]
            let run = try await restore(purging)
            #expect(run.exitCode == 2, "\(run.errors)")
            #expect(run.output.contains("not put back") && run.output.contains(chosen), "\(run.output)")
            let original = tasks.replacingOccurrences(of: "public.video_tasks", with: "public.original")
            #expect(try await purging.lines(tasks) == (try await purging.lines(original)))
            let page = try String(contentsOfFile: purging.certificates + "/certificate-000002.html", encoding: .utf8)
            #expect(page.contains("no longer in their table"))
            #expect(try await purging.retention(["verify"]).output.contains("certificate 2") == false)
        }
    }

    @Test func `a look shows all columns of the archive, whatever became of the table`() async throws {
        for (change, column) in [
            ("ALTER TABLE public.video_external_access_log DROP COLUMN source", "source"),
            ("ALTER TABLE public.video_external_access_log ALTER COLUMN source TYPE integer USING 1", "source"),
            ("DROP TABLE public.video_external_access_log", "policy_snapshot"),
        ] {
            try await withPurging { purging in
                try await execute(
                    "CREATE TABLE public.original AS SELECT * FROM public.video_external_access_log",
                    in: purging.settings)
                #expect(try await purging.purge().exitCode == 0)
                try await execute(change, in: purging.settings)
                let run = try await restore(purging, ["--into", "looked_at", "--reason", "r"])
                #expect(run.exitCode == 0, "\(run.errors)")
                let taken = try await purging.number(
                    "SELECT sum(row_count)::text FROM daybook.purge_total WHERE data_class = 'access_log'")
                let same = """
                    SELECT count(*)::text FROM public.looked_at_access_log AS l JOIN public.original AS o
                        ON o.id::text = l.id::text AND o.\(column)::text IS NOT DISTINCT FROM l.\(column)::text
                    """
                #expect(try await purging.number(same) == taken)
            }
        }
    }
}
