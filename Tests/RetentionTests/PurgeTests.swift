import Foundation
import Postgres
import TestSupport
import Testing

/// What a purge takes, and what it leaves as it was.
@Suite struct PurgeTests {
    /// The rows of the access log that are due as of 2026-11-05, by a query that shares nothing with the product.
    private static let dueAccesses = """
        SELECT l.id::text FROM video_external_access_log AS l
        LEFT JOIN video_tasks AS t ON t.id = l.video_id LEFT JOIN daybook.account AS a ON a.user_id = t.user_id
        WHERE l.created_at < (date '2026-11-05' - coalesce(a.retention_days, 180))::timestamp
            AT TIME ZONE coalesce(a.time_zone, 'UTC') AND a.legal_hold IS NULL
        """

    @Test
    func `exactly the due rows go, the reports of all months stay the same to the byte, and a second purge is idle`()
        async throws
    {
        try await withPurging { purging in
            let due = Set(try await purging.lines(Self.dueAccesses))
            let all = Set(try await purging.lines("SELECT id::text FROM video_external_access_log"))
            #expect(due.count == 7541)
            let books = try await purging.books()
            let reports = try await SLAReports.all(purging.settings)
            let statements = try await Statements.all(purging.settings)
            #expect(statements.count > 600)
            let planned = try await PlanFile(purging.settings, Purging.date).sum("due_rows")

            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(run.output.contains("took \(planned) rows"), "\(run.output)")
            #expect(
                Set(try await purging.lines("SELECT id::text FROM video_external_access_log")) == all.subtracting(due))
            #expect(try await purging.books() == books)
            #expect(try await SLAReports.all(purging.settings) == reports)
            #expect(try await Statements.all(purging.settings) == statements)
            #expect(try purging.archivedRows() == planned)

            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
            let before = try await purging.fingerprint()
            let second = try await purging.purge()
            #expect(second.exitCode == 0)
            #expect(second.output.contains("Nothing was due; nothing was purged."))
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 1)
        }
    }

    @Test func `redacted tasks lose their content and keep what reports need; held tasks keep everything`() async throws
    {
        try await withPurging { purging in
            let kept = """
                SELECT md5(string_agg((id, user_id, model, status, failure_reason, failure_type, created_at, completed_at,
                    batch_job_id, batch_index)::text, ',' ORDER BY id)) FROM video_tasks
                """
            let held = """
                SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM video_tasks AS t JOIN daybook.account AS a
                USING (user_id) WHERE a.legal_hold IS NOT NULL
                """
            let (before, heldBefore) = (try await purging.lines(kept), try await purging.lines(held))
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.lines(kept) == before)
            #expect(try await purging.lines(held) == heldBefore)
            let left = try await purging.number(
                """
                SELECT count(*)::text FROM video_tasks AS t JOIN daybook.task_redaction AS r
                    ON (r.user_id, r.task_id) = (t.user_id, t.id)
                WHERE prompt <> '' OR reference_url IS NOT NULL OR video_url IS NOT NULL OR webhook_url IS NOT NULL
                    OR error_message IS NOT NULL OR last_error IS NOT NULL OR pid IS NOT NULL
                    OR external_access_policy <> '{}'
                """)
            #expect(left == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.task_redaction") > 5000)
            #expect(
                try await purging.number("SELECT count(*)::text FROM enterprise_api_usage WHERE request_id IS NULL")
                    == 0)
        }
    }

    @Test func `the books and reports of a deployment with triggers, cascades and unknown columns do not move`()
        async throws
    {
        try await withPurging { purging in
            try await execute(
                """
                CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN NEW.updated_at = clock_timestamp(); RETURN NEW; END $$;
                CREATE TRIGGER touch BEFORE UPDATE ON public.video_tasks FOR EACH ROW EXECUTE FUNCTION public.touch();
                ALTER TABLE public.video_tasks ADD COLUMN note text NOT NULL DEFAULT 'private',
                    ADD COLUMN extra jsonb DEFAULT '{"a": "private"}',
                    ADD COLUMN words integer GENERATED ALWAYS AS (length(note)) STORED;
                """, in: purging.settings)
            let books = try await purging.books()
            let reports = try await SLAReports.all(purging.settings)
            let statements = try await Statements.all(purging.settings)
            #expect(statements.count > 600)
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await purging.books() == books)
            #expect(try await SLAReports.all(purging.settings) == reports)
            #expect(try await Statements.all(purging.settings) == statements)
            let left = try await purging.number(
                """
                SELECT count(*)::text FROM video_tasks AS t JOIN daybook.task_redaction AS r ON r.task_id = t.id
                WHERE note <> '' OR extra IS NOT NULL OR words <> 0
                """)
            #expect(left == 0)
            let second = try await purging.purge()
            #expect(second.output.contains("Nothing was due"), "the captured instants count, not the trigger's")
        }
    }

    @Test func `purged accesses live on as totals, and the report on accesses says the same in every month`()
        async throws
    {
        try await withPurging { purging in
            let counts = """
                SELECT coalesce(t.user_id, '00000000-0000-0000-0000-000000000000')::text, l.action, count(*)::text
                FROM video_external_access_log AS l LEFT JOIN video_tasks AS t ON t.id = l.video_id
                WHERE l.id::text IN (\(Self.dueAccesses)) GROUP BY 1, 2 ORDER BY 1, 2
                """
            let expected = try await purging.lines(counts)
            let reports = AccessReports(purging.settings, months: SLAReports.months + ["2026-11"])
            let before = try await reports.byCustomer(accounts: [nil, "customer9"])
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await reports.byCustomer(accounts: [nil, "customer9"]) == before)
            let totals = try await purging.lines(
                "SELECT user_id::text, action, sum(accesses)::text FROM daybook.access_total GROUP BY 1, 2 ORDER BY 1, 2"
            )
            #expect(totals == expected)
            let purged = try await reports.sheet(
                "purged", ["account", "action", "accesses", "undivided"], account: nil)
            #expect(purged.allSatisfy { $0[3] == "0" })
            #expect(purged.reduce(0) { $0 + (Int($1[2]) ?? -1) } == 7541)
        }
    }

    @Test func `probes that are folded change no availability`() async throws {
        try await withPurging { purging in
            let reports = try await SLAReports.all(purging.settings, months: ["2026-09", "2026-10"])
            let run = try await purging.purge(["--force", "future-date"], date: ["--as-of", "2028-02-01"])
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.probe") == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.probe_day") > 60)
            #expect(try await SLAReports.all(purging.settings, months: ["2026-09", "2026-10"]) == reports)
        }
    }

    @Test func `without an archive the same rows go, and the same is remembered of them`() async throws {
        var ends: [[String: String]] = []
        for archive in [true, false] {
            try await withPurging { purging in
                let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
                let place = archive ? ["--archive", purging.archive] : ["--no-archive"]
                let run = try await purging.retention(
                    ["purge", "--yes", "--quiet", "--expect-rows", String(rows)] + place
                        + ["--certificates", purging.certificates] + Purging.date)
                #expect(run.exitCode == 0, "\(run.errors)")
                ends.append(try await purging.fingerprint())
                #expect(FileManager.default.fileExists(atPath: purging.archive) == archive)
                #expect(try await purging.retention(["verify"]).exitCode == 0)
            }
        }
        #expect(ends.first == ends.last)
    }

    @Test func `months of the SLA report that were recorded before a purge come out the same after it`() async throws {
        try await withPurging { purging in
            func report(_ flag: String) async throws -> ProgramRun {
                let folder = try ScratchFolder()
                return try await ProgramRun(
                    ["report", "sla", "--month", "2026-10", "--quiet", "--format", "csv", "--no-tasks", flag]
                        + ["--output", folder.path] + purging.database)
            }
            let recorded = try await report("--record")
            #expect(recorded.exitCode == 0 && recorded.output.contains("Recorded: "), "\(recorded.errors)")
            let table = "SELECT md5(string_agg(m::text, ',' ORDER BY m::text)) FROM daybook.recorded_month AS m"
            let before = try await purging.lines(table)
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await purging.lines(table) == before)
            let recounted = try await report("--recount")
            #expect(recounted.exitCode == 0 && recounted.errors.isEmpty, "\(recounted.errors)")
        }
    }

    @Test func `one account alone is purged, and nobody else`() async throws {
        try await withPurging { purging in
            let others = """
                SELECT count(*)::text || coalesce(md5(string_agg(l.id::text, ',' ORDER BY l.id)), '')
                FROM video_external_access_log AS l LEFT JOIN video_tasks AS t ON t.id = l.video_id
                LEFT JOIN daybook.account AS a ON a.user_id = t.user_id WHERE a.slug IS DISTINCT FROM 'customer9'
                """
            let before = try await purging.lines(others)
            let date = Purging.date + ["--account", "customer9"]
            #expect(try await purging.purge(date: date).exitCode == 0)
            #expect(try await purging.lines(others) == before)
            #expect(try await PlanFile(purging.settings, date).sum("due_rows") == 0)
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") > 0)
        }
    }

    @Test func `a row that somebody changes while the purge waits for it is judged again, and stays`() async throws {
        try await withPurging { purging in
            let row = try await purging.lines(Self.dueAccesses + " ORDER BY l.ctid LIMIT 1")[0]
            let due = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
            let application = try await Connection.open(purging.settings)
            try await application.run { session in
                try session.executeScript(
                    "BEGIN; UPDATE video_external_access_log SET created_at = '2026-11-04Z' WHERE id = '\(row)'")
            }
            let running = Task { try await purging.purge() }
            try await application.run { try $0.executeScript("SELECT pg_sleep(1); COMMIT") }
            let run = try await running.value
            await application.close()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(run.output.contains("took \(due - 1) rows"), "\(run.output)")
            let kept = try await purging.number(
                "SELECT count(*)::text FROM video_external_access_log WHERE id = '\(row)'")
            #expect(kept == 1)
        }
    }

    @Test func `an older deployment without some columns is planned and purged`() async throws {
        try await withPurging { purging in
            try await execute(
                """
                ALTER TABLE video_tasks DROP COLUMN completed_at, DROP COLUMN webhook_url;
                ALTER TABLE enterprise_api_usage DROP COLUMN user_agent, DROP COLUMN batch_job_id;
                DROP TABLE enterprise_api_keys CASCADE
                """, in: purging.settings)
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }
}
