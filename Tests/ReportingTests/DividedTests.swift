import Foundation
import Postgres
import TestSupport
import Testing

/// Rows that a table without constraints may hold are counted as the queries of `--sql` count them, whatever part of
/// the customers a connection reads.
@Suite struct DividedTests {
    private static let october = ["--month", "2026-10"]

    /// The ids of some tasks of October, in order.
    private static func tasks(_ count: Int, after: Int) -> String {
        """
        (SELECT id FROM public.video_tasks WHERE created_at >= '2026-10-05Z' AND created_at < '2026-10-20Z'
            AND status = 'succeeded' ORDER BY id OFFSET \(after) LIMIT \(count))
        """
    }

    @Test func `strange rows give the same bytes by one connection and by three, and what the queries give`()
        async throws
    {
        try await withSample { settings in
            try await execute(
                """
                ALTER TABLE public.video_tasks ALTER user_id DROP NOT NULL;
                -- Batches whose tasks are of other owners; models that are equal as text, and not as bytes.
                UPDATE public.batch_jobs SET user_id = (SELECT id FROM public.users ORDER BY id LIMIT 1)
                WHERE created_at >= '2026-09-05Z' AND created_at < '2026-09-20Z';
                UPDATE public.video_tasks SET model = U&'caf\\00e9' WHERE id IN \(Self.tasks(7, after: 0));
                UPDATE public.video_tasks SET model = U&'cafe\\0301' WHERE id IN \(Self.tasks(5, after: 7));
                -- A task of nobody, one that ends far away, and one that was created at no end of time.
                UPDATE public.video_tasks SET user_id = NULL WHERE id IN \(Self.tasks(3, after: 20));
                UPDATE public.video_tasks SET completed_at = '294260-01-01Z' WHERE id IN \(Self.tasks(1, after: 30));
                UPDATE public.video_tasks SET created_at = 'infinity' WHERE id IN \(Self.tasks(1, after: 40))
                """, in: settings)
            let one = try await SLARun(settings, Self.october + ["--connections", "1"])
            let three = try await SLARun(settings, Self.october + ["--connections", "3"])
            #expect(try one.comparableFiles() == three.comparableFiles())
            let models = try one.lines("refund_rates").filter { $0.hasPrefix(",caf") }.map { Array($0.utf8) }
            #expect(models.count == 2 && models[0] != models[1])
            let recounted = try await Recount.differences(settings, arguments: Self.october)
            #expect(recounted.isEmpty, "\(recounted.joined(separator: "\n"))")
        }
    }

    @Test func `ids that a table holds twice are named twice, and no task is lost`() async throws {
        try await withSample { settings in
            try await execute(
                """
                ALTER TABLE public.video_tasks DROP CONSTRAINT video_tasks_pkey CASCADE;
                INSERT INTO public.video_tasks SELECT * FROM public.video_tasks
                WHERE created_at >= '2026-10-05Z' AND created_at < '2026-10-20Z' AND failure_type = 'param_error'
                ORDER BY id LIMIT 3
                """, in: settings)
            let one = try await SLARun(settings, Self.october + ["--connections", "1"])
            let refused = try one.lines("exceptions").filter { $0.hasPrefix("input_refused") }
            #expect(refused.count - Set(refused).count == 3)
            let recounted = try await Recount.differences(settings, arguments: Self.october)
            #expect(recounted.isEmpty, "\(recounted.joined(separator: "\n"))")
        }
    }

    @Test func `a copy of the month's query with other columns is refused in one sentence`() async throws {
        try await withSample { settings in
            try await withLogin(settings) { login in
                let folder = try ScratchFolder()
                try FileManager.default.createDirectory(
                    atPath: folder.file("reports"), withIntermediateDirectories: true)
                try FileManager.default.copyItem(
                    atPath: Deployment.root + "/reports/sla", toPath: folder.file("reports/sla"))
                let path = folder.file("reports/sla/month_tasks.sql")
                let text = try String(contentsOfFile: path, encoding: .utf8)
                try text.replacing("count(*) AS tasks", with: "count(*) AS rows").write(
                    toFile: path, atomically: true, encoding: .utf8)
                let run = try await ProgramRun(
                    [
                        "report", "sla", "--quiet", "--reports", folder.file("reports"), "--output", folder.file("out"),
                        "--database", Deployment.conninfo(login),
                    ] + Self.october)
                #expect(
                    run.exitCode == 78 && run.errors.contains("The columns of month_tasks.sql"),
                    "\(run.exitCode) \(run.errors)")
            }
        }
    }

    @Test func `a month's tasks come as few rows, and no task is sorted for it`() async throws {
        try await withSample { settings in
            try await execute("ANALYZE", in: settings)
            let plan = try await Recount.plan(of: "month_tasks", settings, arguments: Self.october)
            let groups = try #require(plan.first)
            #expect(groups.contains("HashAggregate"), "\(plan.joined(separator: "\n"))")
            let rows = plan.compactMap { line in
                line.firstMatch(of: /\(actual rows=(\d+)/).flatMap { Int($0.1) }
            }
            let tasks = try #require(rows.max())
            #expect(tasks > 2000 && rows[0] * 2 < tasks, "\(plan.joined(separator: "\n"))")
        }
    }

    @Test func `credits of several customers that add up beyond 64 bits are bad data, in one sentence`() async throws {
        try await withSample { settings in
            try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
            try await execute(
                """
                INSERT INTO daybook.task_fact (user_id, task_id, cost_credits)
                SELECT user_id, id, 5000000000000000000 FROM (
                    SELECT DISTINCT ON (user_id) user_id, id FROM public.video_tasks
                    WHERE created_at >= '2026-10-05Z' AND created_at < '2026-10-20Z' AND status = 'succeeded'
                        AND model = 'sora-2' ORDER BY user_id, id
                ) AS t ORDER BY user_id LIMIT 2
                """, in: settings)
            let folder = try ScratchFolder()
            let run = try await ProgramRun(
                ["report", "sla", "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings)]
                    + Self.october)
            #expect(
                run.exitCode == 65 && run.errors.contains("more than 64 bits hold"), "\(run.exitCode) \(run.errors)")
            #expect(try folder.contents().isEmpty)
        }
    }

    @Test func `tasks that cost less than nothing are bad data, in one sentence`() async throws {
        try await withSample { settings in
            try await execute(
                "UPDATE public.batch_jobs SET cost_per_video = -50 WHERE created_at >= '2026-10-01Z'", in: settings)
            let folder = try ScratchFolder()
            let run = try await ProgramRun(
                ["report", "sla", "--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings)]
                    + Self.october)
            #expect(
                run.exitCode == 65 && run.errors.contains("cost less than nothing"), "\(run.exitCode) \(run.errors)")
            #expect(try folder.contents().isEmpty)
        }
    }
}
