import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// Data that comes back after a purge, and holds that come while one is under way.
@Suite struct RewrittenTests {
    private static let restored = "run-000001/manifest.json"

    @Test func `content that an application writes to a redacted task is due again, and goes again`() async throws {
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            let facts = try await purging.fingerprint()["daybook.task_fact"]
            let month = ["2026-09"]
            let report = try await SLAReports.all(purging.settings, months: month)
            let marked = "SELECT user_id::text, task_id::text FROM daybook.task_redaction ORDER BY task_id LIMIT 2"
            let tasks = try await purging.lines(marked).map { $0.components(separatedBy: "|") }
            let changes = ["prompt = 'again'", "external_access_policy = '{\"a\": 1}'"]
            for (task, change) in zip(tasks, changes) {
                try await execute(
                    "UPDATE public.video_tasks SET \(change) WHERE user_id = '\(task[0])' AND id = '\(task[1])'",
                    in: purging.settings)
            }
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 2 && verified.output.contains("task_content of"), "\(verified.output)")
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 2)

            #expect(try await purging.purge().exitCode == 0)
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            #expect(try await purging.fingerprint()["daybook.task_fact"] == facts)
            #expect(try await SLAReports.all(purging.settings, months: month) == report)
        }
    }

    @Test func `a restore fills what is empty, and of two archives the last counts`() async throws {
        try await withPurging { purging in
            let all = """
                SELECT string_agg(to_jsonb(t)::text, E'\\n' ORDER BY user_id, id) FROM public.video_tasks AS t WHERE
                """
            let before = try await purging.fingerprint()["public.video_tasks"]
            #expect(try await purging.purge().exitCode == 0)
            let task = try await purging.lines(
                """
                SELECT t.user_id::text, t.id::text FROM daybook.task_redaction AS d JOIN public.video_tasks AS t
                    ON t.user_id = d.user_id AND t.id = d.task_id
                WHERE t.status = 'succeeded' ORDER BY t.id LIMIT 1
                """)[0].components(separatedBy: "|")
            let isTask = "user_id = '\(task[0])' AND id = '\(task[1])'"
            let prompts = "SELECT prompt || '|' || (video_url IS NULL) FROM public.video_tasks WHERE \(isTask)"
            // Redacted twice: by two runs, and the second time with a content of its own.
            try await execute("UPDATE public.video_tasks SET prompt = 'again' WHERE \(isTask)", in: purging.settings)
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.lines(prompts) == ["|true"])
            func restore(_ run: Int) async throws -> ProgramRun {
                try await purging.retention([
                    "restore", purging.archive + "/run-00000\(run)/manifest.json", "--certificates",
                    purging.certificates,
                ])
            }
            let second = try await restore(2)
            #expect(second.exitCode == 0 && !second.output.contains("written to since"), "\(second.errors)")
            #expect(try await purging.lines(prompts) == ["again|true"])
            let first = try await restore(1)
            #expect(
                first.exitCode == 0 && first.output.contains("1 of them had been written to since"), "\(first.errors)")
            #expect(try await purging.lines(prompts) == ["again|false"])
            // Every other task is what it was.
            let others = all + " NOT (\(isTask))"
            let original = try await purging.lines(others)
            try await withPurging { untouched in
                let rows = try await untouched.lines(others)
                #expect(rows == original)
            }
            #expect(try await purging.fingerprint()["public.video_tasks"] != before)
        }
    }

    @Test func `a child table with columns of its own is refused before the first row`() async throws {
        for table in ["video_external_access_log", "video_tasks"] {
            try await withPurging { purging in
                try await execute(
                    "CREATE TABLE public.other (country text, place text) INHERITS (public.\(table))",
                    in: purging.settings)
                let books = try await purging.fingerprint()
                let plan = try await purging.retention(["plan"] + Purging.date)
                let purge = try await purging.retention(
                    ["purge", "--yes", "--expect-rows", "1"] + purging.places + Purging.date)
                for run in [plan, purge] {
                    #expect(run.exitCode == 78 && run.errors.contains("country, place"), "\(run.errors)")
                }
                #expect(try await purging.fingerprint() == books)
                for column in ["country", "place"] {
                    try await execute("ALTER TABLE public.\(table) ADD COLUMN \(column) text", in: purging.settings)
                }
                #expect(try await purging.purge().exitCode == 0)
                #expect(try await purging.retention(["verify"]).exitCode == 0)
            }
        }
    }

    @Test func `a hold that comes under a purge keeps tasks, requests and accesses of its batch or account`()
        async throws
    {
        try await withPurging { purging in
            try await execute(
                """
                UPDATE public.enterprise_api_usage AS u SET batch_job_id = t.batch_job_id
                FROM (
                    SELECT k.id AS key, (array_agg(t.batch_job_id ORDER BY t.created_at))[1] AS batch_job_id
                    FROM public.enterprise_api_keys AS k JOIN public.video_tasks AS t ON t.user_id = k.user_id
                    WHERE t.batch_job_id IS NOT NULL GROUP BY k.id
                ) AS t (key, batch_job_id) WHERE u.api_key_id = t.key
                """, in: purging.settings)
            let due = """
                EXISTS (SELECT FROM public.video_external_access_log AS l
                    WHERE l.video_id = t.id AND l.created_at < '2026-05-01Z')
                AND EXISTS (SELECT FROM public.enterprise_api_usage AS u
                    WHERE u.batch_job_id = t.batch_job_id AND u.ip IS NOT NULL AND u.created_at < '2026-05-01Z')
                """
            let batch = try await purging.lines(
                """
                SELECT t.batch_job_id::text FROM public.video_tasks AS t
                WHERE t.status = 'succeeded' AND t.completed_at < '2026-05-01Z' AND \(due) ORDER BY 1 LIMIT 1
                """)
            let id = try #require(batch.first)
            try await purging.begin()
            let watched = [
                """
                SELECT md5(string_agg(t::text, '' ORDER BY t.id)) FROM public.video_tasks AS t
                WHERE \(Self.covered(id))
                """,
                """
                SELECT md5(string_agg(u::text, '' ORDER BY u.id)) FROM public.enterprise_api_usage AS u
                WHERE u.batch_job_id = '\(id)' OR u.api_key_id IN (
                    SELECT k.id FROM public.enterprise_api_keys AS k JOIN daybook.account AS a USING (user_id)
                    WHERE a.slug = 'customer9')
                """,
                """
                SELECT md5(string_agg(l::text, '' ORDER BY l.id)) FROM public.video_external_access_log AS l
                WHERE l.video_id IN (SELECT t.id FROM public.video_tasks AS t WHERE \(Self.covered(id)))
                """,
            ]
            var before: [[String]] = []
            for query in watched { before.append(try await purging.lines(query)) }
            for scope in [["--batch", id], ["--account", "customer9"]] {
                let held = try await purging.retention(
                    ["hold", "add", "--matter", "m", "--requested-by", "r"] + scope)
                #expect(held.exitCode == 0, "\(held.errors)")
            }
            #expect(try await purging.resume().exitCode == 0)
            for (query, rows) in zip(watched, before) { #expect(try await purging.lines(query) == rows) }
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.task_redaction") > 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    /// The tasks of a batch, and of the account that the test holds.
    private static func covered(_ batch: String) -> String {
        """
        t.batch_job_id = '\(batch)' OR t.user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer9')
        """
    }

    @Test func `probes come back as they were`() async throws {
        try await withPurging { purging in
            try await execute(
                """
                INSERT INTO daybook.probe (target, probed_at, ok, latency_ms)
                SELECT 'old', timestamptz '2025-01-01Z' + n * interval '17 s', n % 7 > 0, n
                FROM generate_series(1, 500) AS n
                """, in: purging.settings)
            let probes = try await purging.fingerprint()["daybook.probe"]
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.fingerprint()["daybook.probe"] != probes)
            let restored = try await purging.retention([
                "restore", purging.archive + "/" + Self.restored, "--certificates", purging.certificates,
            ])
            #expect(restored.exitCode == 0, "\(restored.errors)")
            #expect(try await purging.fingerprint()["daybook.probe"] == probes)
        }
    }

    @Test func `a table that stays locked ends the purge in a sentence, to be resumed`() async throws {
        try await withPurging { purging in
            let other = try await Connection.open(purging.settings)
            // Whoever reads may read on; whoever deletes waits.
            try await other.run {
                try $0.executeScript("BEGIN; LOCK TABLE public.video_external_access_log IN SHARE MODE")
            }
            let log = "SELECT count(*)::text FROM public.video_external_access_log"
            let before = try await purging.number(log)
            let refused = try await purging.purge()
            #expect(
                refused.exitCode == 75 && refused.errors.contains("\(Limits.purgeAttempts) times in a row"),
                "\(refused.errors)")
            #expect(try await purging.number(log) == before)
            try await other.run { try $0.executeScript("ROLLBACK") }
            await other.close()
            #expect(try await purging.resume().exitCode == 0)
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }
}
