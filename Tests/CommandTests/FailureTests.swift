import Foundation
import Postgres
import TestSupport
import Testing

/// Every failure is one sentence on standard error and the right exit code.
@Suite struct FailureTests {
    private func expect(
        _ arguments: [String], code: Int32, says text: String, environment: [String: String] = [:]
    ) async throws {
        let run = try await ProgramRun(arguments, environment: environment)
        #expect(run.exitCode == code, "\(arguments): \(run.errors)")
        #expect(run.errors.contains(text), "\(arguments): \(run.errors)")
        #expect(run.output.isEmpty)
        if code != 64 || !run.errors.contains("Usage:") {
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        }
    }

    @Test(arguments: ["2026-13", "2026-1", "October", "2026-10-01", ""])
    func `a wrong month is wrong use`(month: String) async throws {
        try await expect(["report", "sla", "--month", month], code: 64, says: "is not a month")
    }

    @Test func `wrong use is told apart from wrong data`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let database = [
                "--quiet", "--database", Deployment.conninfo(settings), "--output", folder.file("none"),
            ]
            try await expect(["report", "sla", "--month", "2199-01"] + database, code: 64, says: "has not begun")
            try await expect(
                ["report", "sla", "--month", "2026-10", "--account", "nobody"] + database, code: 64,
                says: "There is no account")
            try await expect(
                ["report", "sla", "--month", "2026-10", "--account", "../x"] + database, code: 64,
                says: "There is no account \"../x\"")
            try await expect(
                ["report", "sla", "--month", "2026-10", "--format", "docx"] + database, code: 64,
                says: "There is no format")
            try await expect(
                ["report", "sla", "--month", "2026-10", "--cutoff", "2030-01-01T00:00:00Z"] + database, code: 64,
                says: "lies after")
            try await expect(
                ["report", "sla", "--month", "2026-10", "--cutoff", "2026-09-01T00:00:00Z"] + database, code: 64,
                says: "before the month")
            try await expect(["report", "run", "nothing"] + database, code: 64, says: "There is no report")
            try await expect(["report", "run", "failures"] + database, code: 64, says: "needs --param month")
            try await expect(
                ["report", "run", "failures", "--param", "month=soon"] + database, code: 64, says: "is no month")
            try await expect(
                ["report", "run", "failures", "--param", "moon=1"] + database, code: 64, says: "has no parameter moon")
        }
    }

    @Test func `what is refused says which command helps`() async throws {
        try await withSample { settings in
            let database = ["--quiet", "--database", Deployment.conninfo(settings)]
            let month = ["2026-10", "--account", "customer5"]
            let notClosed = "daybook: The month 2026-10 is not closed; see: daybook close list\n"
            try await expect(["close", "diff"] + month + database.dropFirst(), code: 64, says: notClosed)
            try await expect(
                ["close", "reopen"] + month + ["--reason", "x"] + database.dropFirst(), code: 64, says: notClosed)
            try await expect(
                ["close", "reopen"] + month + ["--reason", " "] + database.dropFirst(), code: 64,
                says: "Say in --reason, in at most ")
            try await expect(
                ["close", "month"] + month + ["--accept", "customer5", "--reason", " "] + database, code: 64,
                says: "--accept needs a --reason of at most ")
        }
    }

    @Test func `what is refused where nothing is yet says which command makes it`() async throws {
        try await withDatabase { settings in
            let folder = try ScratchFolder()
            let database = ["--database", Deployment.conninfo(settings)]
            try await expect(
                ["close", "month", "2026-10", "--quiet"] + database, code: 78,
                says: "This database has no daybook.month_close; run: daybook database migrate")
            try await ProgramRun.expectingSuccess(["database", "migrate"] + database)
            for report in ["sla", "statement"] {
                try await expect(
                    ["report", report, "--month", "2026-10", "--all", "--quiet", "--output", folder.path] + database,
                    code: 64, says: "daybook: No account is imported; run: daybook accounts import FILE\n")
            }
        }
    }

    @Test func `a database that cannot be reached is unavailable`() async throws {
        try await withDatabase { settings in
            let month = ["report", "sla", "--quiet", "--month", "2026-10", "--database"]
            try await expect(month + ["host=/nowhere dbname=x"], code: 69, says: "cannot be reached")
            try await expect(
                month + ["postgres://127.0.0.1:1/x?connect_timeout=3"], code: 69, says: "cannot be reached")
            let missing = Deployment.conninfo(settings).replacingOccurrences(of: "test_", with: "no_")
            try await expect(month + [missing], code: 69, says: "has no database")
            let run = try await ProgramRun(month + ["host=/nowhere dbname=x user=me password=hunter2"])
            #expect(!run.errors.contains("hunter2"))
        }
    }

    @Test func `a wrong password is one clear sentence`() async throws {
        let cluster = try TestCluster(port: 5499, hbaLines: [])
        defer { try? cluster.stop() }
        let settings = cluster.settings()
        try await execute("CREATE ROLE finance LOGIN PASSWORD 'right'", in: settings)
        let hba = cluster.folder + "/data/pg_hba.conf"
        try "local all finance scram-sha-256\nlocal all all trust\n".write(
            toFile: hba, atomically: false, encoding: .utf8)
        try await execute("SELECT pg_reload_conf(); SELECT pg_sleep(0.5)", in: settings)
        let wrong = "host='\(cluster.folder)' port='5499' user='finance' password='wrong' dbname='postgres'"
        try await expect(
            ["report", "sla", "--quiet", "--month", "2026-10"], code: 69, says: "assword",
            environment: ["DATABASE_URL": wrong])
    }

    @Test func `a missing table is wrong data, and is named`() async throws {
        try await withDatabase { settings in
            let database = ["--quiet", "--database", Deployment.conninfo(settings)]
            try await expect(
                ["report", "sla", "--month", "2026-10"] + database, code: 65, says: "public.credit_ledger")
        }
        try await withSample { settings in
            try await execute("ALTER TABLE batch_jobs RENAME frozen_credits TO frozen", in: settings)
            let database = ["--quiet", "--database", Deployment.conninfo(settings)]
            try await expect(
                ["report", "sla", "--month", "2026-10"] + database, code: 65, says: "public.batch_jobs.frozen_credits")
        }
    }

    @Test func `a role that may not see every row gets an error, never a smaller total`() async throws {
        try await withSample { settings in
            try await execute(
                """
                DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
                GRANT USAGE ON SCHEMA public, daybook TO reader;
                GRANT SELECT ON ALL TABLES IN SCHEMA public, daybook TO reader;
                ALTER TABLE public.video_tasks ENABLE ROW LEVEL SECURITY;
                CREATE POLICY own ON public.video_tasks USING (model <> 'sora-2')
                """, in: settings)
            let reader = Deployment.conninfo(settings).replacingOccurrences(
                of: "user='postgres'", with: "user='reader'")
            #expect(reader.contains("reader"))
            try await expect(
                ["report", "sla", "--quiet", "--month", "2026-10", "--database", reader], code: 78,
                says: "row-level security")
            try await execute(
                "REVOKE SELECT ON public.credit_ledger FROM reader; ALTER TABLE public.video_tasks DISABLE ROW LEVEL SECURITY",
                in: settings)
            try await expect(
                ["report", "sla", "--quiet", "--month", "2026-10", "--database", reader], code: 78,
                says: "credit_ledger")
        }
    }

    @Test func `a folder that cannot be written leaves the old report as it was`() async throws {
        try await withSample { settings in
            let database = ["--quiet", "--month", "2026-10", "--database", Deployment.conninfo(settings)]
            try await expect(
                ["report", "sla", "--output", "/proc/daybook"] + database, code: 73, says: "Cannot write /proc/daybook")
            let folder = try ScratchFolder()
            let file = try folder.write("", to: "file")
            try await expect(["report", "sla", "--output", file + "/below"] + database, code: 73, says: "Cannot write")
        }
    }

    @Test func `a dropped connection is one sentence, and nothing is published`() async throws {
        try await withSample { settings in
            // Somebody holds a lock that the report has to wait for, and the server drops the report meanwhile.
            let holder = try await Connection.open(settings)
            try await holder.run { try $0.executeScript("BEGIN; LOCK TABLE public.video_tasks") }
            let folder = try ScratchFolder()
            async let dropped: Void = {
                for _ in 0..<12_000 {
                    let ended = try await holder.run { session in
                        // What a transaction has seen of the activity it would otherwise see for ever.
                        _ = try session.query("SELECT pg_stat_clear_snapshot()")
                        return try session.query(
                            """
                            SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
                            WHERE datname = current_database() AND wait_event_type = 'Lock'
                            """)[0].int("n")
                    }
                    if ended > 0 { return }
                    try await Task.sleep(for: .milliseconds(50))
                }
            }()
            let arguments = [
                "report", "sla", "--quiet", "--month", "2026-10", "--output", folder.path, "--database",
                Deployment.conninfo(settings),
            ]
            let run = try await ProgramRun(arguments)
            try await dropped
            await holder.close()
            #expect(run.exitCode == 69, "\(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        }
    }

    @Test func `a query that takes too long is given up, to be tried again`() async throws {
        try await withSample { settings in
            let holder = try await Connection.open(settings)
            try await holder.run { try $0.executeScript("BEGIN; LOCK TABLE public.video_tasks") }
            try await expect(
                [
                    "report", "sla", "--quiet", "--month", "2026-10", "--statement-timeout", "1", "--database",
                    Deployment.conninfo(settings),
                ],
                code: 75, says: "longer than its time limit")
            await holder.close()
        }
    }

    @Test func `what a server says while we connect is not printed`() async throws {
        try await withDatabase { settings in
            let before = try await ProgramRun(["accounts", "list", "--database", Deployment.conninfo(settings)])
            // Whoever connects is warned that the collation is not what it was.
            try await execute(
                "UPDATE pg_catalog.pg_database SET datcollversion = 'another' WHERE datname = current_database()",
                in: settings)
            var inTurn = settings
            let host = try #require(settings.options["host"])
            inTurn.options["host"] = "\(host),\(host)"
            for settings in [settings, inTurn] {
                let run = try await ProgramRun(["accounts", "list", "--database", Deployment.conninfo(settings)])
                #expect(run.errors == before.errors)
            }
        }
    }
}
