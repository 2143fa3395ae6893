import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

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
