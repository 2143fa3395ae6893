import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

/// Daybook behind PgBouncer, beside an application that uses the same pool.
@Suite struct PoolerTests {
    /// What reads until it is told that it may end.
    private final class Application: Sendable {
        let isDone = Mutex(false)
    }

    /// What an application's session is, as psql shows it.
    private static let session = """
        SELECT concat_ws('|', current_user, current_setting('role'), current_setting('search_path'),
            current_setting('row_security'), current_setting('datestyle'), current_setting('intervalstyle'),
            current_setting('timezone'), current_setting('extra_float_digits'), current_setting('lock_timeout'),
            current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),
            (SELECT count(*) > 0 FROM credit_wallet),
            (SELECT count(*) FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid()));

        """

    /// Reads as an application does, many times, over one connection; every answer must be the first one.
    private static func read(
        _ settings: ConnectionSettings, times: Int, _ folder: ScratchFolder
    ) async throws -> Set<String> {
        let file = folder.file("read-\(UUID().uuidString).sql")
        let script = String(repeating: session, count: times)
        try Data(script.utf8).write(to: URL(fileURLWithPath: file))
        let printed = try await ProgramRun.expectingSuccess(
            [
                "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--file", file,
                "--dbname", Deployment.conninfo(settings),
            ], program: "/usr/bin/psql")
        return Set(printed.split(separator: "\n").map(String.init))
    }

    /// Runs the body while an application reads through the pool; its queries never fail and its session stays itself.
    private static func besideApplication(
        _ settings: ConnectionSettings, _ body: @Sendable () async throws -> Void
    ) async throws {
        let folder = try ScratchFolder()
        let before = try await read(settings, times: 1, folder)
        #expect(before.count == 1)
        let application = Application()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                repeat {
                    let seen = try await Self.read(settings, times: 50, folder)
                    #expect(seen == before)
                } while !application.isDone.withLock { $0 }
            }
            do { try await body() } catch {
                application.isDone.withLock { $0 = true }
                throw error
            }
            application.isDone.withLock { $0 = true }
            try await group.waitForAll()
        }
        // Each of the pool's sessions is asked.
        for _ in 0..<5 { #expect(try await read(settings, times: 1, folder) == before) }
    }

    @Test(arguments: [("transaction", 1), ("transaction", 2), ("transaction", 20), ("session", 5)])
    func `what needs a session refuses a pooler before anything is set`(mode: String, size: Int) async throws {
        try await withSample { direct in
            let pooler = try TestPooler(mode: mode, size: size)
            let pooled = try await pooler.settings(direct)
            let (database, folder) = (["--database", Deployment.conninfo(pooled)], try ScratchFolder())
            let places = ["--certificates", folder.file("certificates")]
            try Data("{}".utf8).write(to: URL(fileURLWithPath: folder.file("manifest.json")))
            let purge = ["retention", "purge", "--yes", "--archive", folder.file("archive")] + places
            let commands: [[String]] = [
                purge, purge, purge + ["--force", "short-policy"], ["retention", "purge", "--resume"] + places,
                ["retention", "restore", folder.file("manifest.json")] + places,
                ["retention", "expire-archives"] + places,
                ["retention", "carry-forward", "--yes", "--archive", folder.file("archive")] + places,
                ["database", "partitions"], ["database", "migrate"], ["close", "month", "2026-10"],
                ["close", "reopen", "2026-10", "--reason", "r"],
            ]
            let before = try await Self.contents(direct)
            try await Self.besideApplication(pooled) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for command in commands {
                        group.addTask { try await Self.expectRefusal(command, database, ProgramRun.daybook) }
                    }
                    let provider = ["--provider", "http://127.0.0.1:9"]
                    for worker in [["work"], ["serve", "--port", "0", "--work"]] {
                        group.addTask {
                            try await Self.expectRefusal(
                                worker + provider, database, RunningProgram.path("daybookd"))
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await Self.contents(direct) == before)
        }
    }

    private static func expectRefusal(_ command: [String], _ database: [String], _ program: String) async throws {
        let run = try await ProgramRun(
            command + database, program: program, environment: ["GRSAI_API_KEY": "sk-test"])
        #expect(run.exitCode == 78 && run.errors.contains("connect directly"), "\(command): \(run.errors)")
    }

    private static func contents(_ settings: ConnectionSettings) async throws -> [String] {
        let connection = try await Connection.open(settings)
        let lines = try await connection.run { session in
            try ["public.video_tasks", "public.video_external_access_log", "daybook.purge_run", "daybook.month_close"]
                .map { table in
                    let sql = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) AS digest FROM \(table) AS t"
                    return try session.query(sql)[0].optionalText("digest") ?? ""
                }
        }
        await connection.close()
        return lines
    }

    @Test(arguments: [("transaction", 1), ("transaction", 2), ("transaction", 20), ("session", 5)])
    func `reports, imports and the ledger are through a pooler what they are without it`(
        mode: String, size: Int
    ) async throws {
        try await withSample { direct in
            let pooler = try TestPooler(mode: mode, size: size)
            let pooled = try await pooler.settings(direct)
            let expected = try await Self.reports(direct)
            #expect(expected.count > 60)
            try await Self.besideApplication(pooled) {
                let database = ["--database", Deployment.conninfo(pooled)]
                let through = try await Self.reports(pooled)
                #expect(through == expected)
                for command in [
                    ["accounts", "import", Deployment.root + "/sample/accounts.csv"], ["accounts", "list"],
                    ["availability", "import", Deployment.root + "/sample/probes.csv.gz"], ["database", "check"],
                    ["retention", "plan", "--as-of", "2026-11-05"], ["close", "list"],
                ] { try await ProgramRun.expectingSuccess(command + database) }
            }
        }
    }

    /// The files of reports of one month.
    private static func reports(_ settings: ConnectionSettings) async throws -> [String: Data] {
        let folder = try ScratchFolder()
        let ending = ["--quiet", "--output", folder.path, "--database", Deployment.conninfo(settings)]
        try await ProgramRun.expectingSuccess(
            ["report", "statement", "--month", "2026-10", "--all", "--format", "csv"] + ending)
        try await ProgramRun.expectingSuccess(["report", "sla", "--month", "2026-10", "--format", "csv"] + ending)
        try await ProgramRun.expectingSuccess(
            ["report", "statement", "--month", "2026-09", "--account", "customer2", "--format", "csv"] + ending)
        return try folder.contents().filter { !$0.key.hasSuffix("manifest.json") }
    }
}
