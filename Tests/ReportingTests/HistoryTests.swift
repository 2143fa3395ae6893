import Foundation
import Postgres
import TestSupport
import Testing

/// A month is read out of a long history by indexes where there are some, with the same figures as without.
@Suite(.timeLimit(.minutes(15))) struct HistoryTests {
    private static let october = ["--month", "2026-10"]
    private static let drop = "DROP INDEX public.video_tasks_created_at, public.video_tasks_batch_created"

    /// The indexes that a database of Daybook's own has of its tasks.
    static func makeIndexes(_ settings: ConnectionSettings) async throws {
        let file = Deployment.root + "/Sources/Schema/Migrations/040_history.sql"
        try await execute(try String(contentsOfFile: file, encoding: .utf8), in: settings)
    }

    /// 13 months of tasks of six customers, in the order of their creation. Of the month's batches some tasks were
    /// created before it, after it and nobody knows when; some tasks of other batches were handed over in it.
    private static let history = """
        INSERT INTO public.users (id) SELECT md5('user ' || n)::uuid FROM generate_series(1, 6) AS n;
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits, created_at,
            settlement_status)
        SELECT md5('batch ' || n)::uuid, md5('user ' || 1 + n % 6)::uuid, 'processing', 20, 10, 200,
            timestamptz '2025-10-01 00:10Z' + n * interval '6 hours', 'pending'
        FROM generate_series(0, 1580) AS n;
        INSERT INTO public.video_tasks (id, user_id, prompt, model, status, created_at, updated_at, completed_at,
            batch_job_id, batch_index)
        SELECT md5('task ' || n || ' ' || i)::uuid, md5('user ' || 1 + n % 6)::uuid, repeat('a boat ', 20), 'sora-2',
            CASE WHEN (n + i) % 9 = 0 THEN 'failed' ELSE 'succeeded' END, c.at, c.at, c.at + i * interval '20 seconds',
            md5('batch ' || n)::uuid, i
        FROM generate_series(0, 1580) AS n
        CROSS JOIN generate_series(1, 20) AS i
        CROSS JOIN LATERAL (SELECT timestamptz '2025-10-01 00:10Z' + n * interval '6 hours'
            + CASE i WHEN 20 THEN interval '-20 minutes' WHEN 19 THEN interval '3 days' ELSE interval '0' END AS at
        ) AS c
        ORDER BY c.at;
        UPDATE public.video_tasks SET created_at = NULL WHERE batch_index = 7 AND id::text LIKE '0%';
        INSERT INTO daybook.task_fact (user_id, task_id, dispatched_at)
        SELECT user_id, id, created_at + batch_index * interval '1 day' FROM public.video_tasks
        WHERE id::text LIKE '1%' AND created_at IS NOT NULL;
        ANALYZE
        """

    private func withHistory(_ body: (ConnectionSettings) async throws -> Void) async throws {
        try await withDatabase { settings in
            try await ProgramRun.expectingSuccess(
                ["database", "migrate", "--database", Deployment.conninfo(settings)])
            try await execute(Self.history, in: settings)
            try await body(settings)
        }
    }

    @Test func `a month has the same bytes with indexes and without, by one connection and by three`() async throws {
        try await withHistory { settings in
            let found = try await SLARun(settings, Self.october + ["--connections", "3"])
            let recounted = try await Recount.differences(settings, arguments: Self.october)
            #expect(recounted.isEmpty, "\(recounted.joined(separator: "\n"))")
            try await execute(Self.drop, in: settings)
            let searched = try await SLARun(settings, Self.october + ["--connections", "1"])
            #expect(try found.comparableFiles() == searched.comparableFiles())
            #expect(try found.lines("exceptions").contains { $0.hasPrefix("undated_task,") })
        }
    }

    @Test func `no query of the month reads the tasks of its history, and without the indexes it does`() async throws {
        try await withHistory { settings in
            #expect(try await Self.scans(settings).isEmpty)
            try await execute(Self.drop, in: settings)
            #expect(try await Self.scans(settings).contains("completion"))
        }
    }

    /// The queries of the month alone, by name, that read every task.
    private static func scans(_ settings: ConnectionSettings) async throws -> [String] {
        let script = try await ProgramRun.expectingSuccess(
            ["report", "sla", "--sql", "--database", Deployment.conninfo(settings)] + october)
        let month = script.components(separatedBy: "\\echo trend_completion")[0]
        let connection = try await Connection.open(settings)
        var scans: [String] = []
        for part in month.components(separatedBy: "\\echo ").dropFirst() {
            let lines = part.components(separatedBy: "\n")
            let query = lines.dropFirst().joined(separator: "\n").replacing("COMMIT;", with: "")
            let plan = try await connection.run { session in
                try session.executeScript("SET search_path = pg_catalog, pg_temp")
                return try session.query(
                    "EXPLAIN " + query.trimmingCharacters(in: .whitespacesAndNewlines.union(CharacterSet([";"])))
                ).map { try $0.text(0) }
            }
            if plan.contains(where: { $0.contains("Seq Scan on video_tasks") }) { scans.append(lines[0]) }
        }
        await connection.close()
        return scans
    }

    @Test func `a report of one's own that names the tasks of all months has them, whatever indexes there are`()
        async throws
    {
        try await withHistory { settings in
            let folder = try ScratchFolder()
            let home = folder.file("ours/tasks")
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
            try "SELECT count(*) AS tasks FROM known_task".write(
                toFile: home + "/tasks.sql", atomically: true, encoding: .utf8)
            try """
            {"title": "Tasks", "promises": true, "parameters": [{"name": "month", "type": "month"}],
             "sheets": [{"title": "Tasks", "query": "tasks"}]}
            """.write(toFile: home + "/report.json", atomically: true, encoding: .utf8)
            let run = try await withLogin(settings) { login in
                try await ProgramRun([
                    "report", "run", "tasks", "--quiet", "--format", "csv", "--output", folder.path, "--reports",
                    folder.file("ours"), "--param", "month=2026-10", "--database", Deployment.conninfo(login),
                ])
            }
            #expect(run.exitCode == 0, "\(run.errors)")
            let tasks = try String(contentsOfFile: folder.file("tasks-2026-10/tasks.csv"), encoding: .utf8)
            #expect(tasks.contains("31620"), "\(tasks)")
        }
    }
}
