import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// What makes a purge step aside: each reason as it comes about on a real server.
@Suite struct PauseTests {
    /// The sample on a server of the test's own.
    private func withServer(
        port: Int, settings: [String: String] = [:], hbaLines: [String] = [],
        _ body: (Purging, TestCluster) async throws -> Void
    ) async throws {
        let cluster = try TestCluster(port: port, settings: settings, hbaLines: hbaLines)
        let database = try await TestDatabase.create(in: cluster)
        try await Deployment.loadSample(into: database.settings)
        try await body(try Purging(database.settings), cluster)
        try cluster.stop()
    }

    private func purge(_ purging: Purging, _ more: [String], atOnce: Bool = false) async throws -> ProgramRun {
        let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
        return try await purging.retention(
            ["purge", "--yes", "--expect-rows", String(rows)] + purging.places + Purging.date + more,
            atOnce: atOnce)
    }

    /// Whoever holds the lock of a purge has done nothing for longer than a purge does between two statements.
    private static let isPausing = """
        SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
            WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid() AND a.state = 'idle'
                AND a.datname = current_database() AND clock_timestamp() - a.state_change > interval '1.2 seconds')
        """

    /// Asks until the answer is true; the server waits between two questions.
    private func wait(_ connection: Connection, until condition: String, _ what: String) async throws {
        let isSo = try await connection.run { session in
            for _ in 0..<2400 {
                let row = try session.query("SELECT coalesce((\(condition)), false) AS is_so, pg_sleep(0.05)::text")[0]
                if try row.bool("is_so") { return true }
            }
            return false
        }
        #expect(isSo, "never: \(what)")
    }

    @Test func `a purge sees whether others are at work, also as the role that can only purge`() async throws {
        try await withPurging { purging in
            #expect(try await ProgramRun(["database", "roles"] + purging.database).exitCode == 0)
            let purge = try await Connection.open(purging.settings)
            let other = try await Connection.open(purging.settings)
            for role in ["NONE", DatabaseRoles.purge] {
                try await purge.run { try $0.executeScript("SET ROLE \(role)") }
                try await other.run { try $0.executeScript("SELECT count(*) FROM public.users") }
                #expect(try await purge.run(Throttle.othersAreAtWork), "\(role)")
                // Who is connected and does nothing is not at work.
                try await Task.sleep(for: .milliseconds(1_300))
                #expect(try await !purge.run(Throttle.othersAreAtWork), "\(role)")
            }
            await other.close()
            await purge.close()
        }
    }

    /// Lets a client say a statement ten times a second while the body runs.
    private func beside(
        _ settings: ConnectionSettings, _ statement: String, _ body: () async throws -> ProgramRun
    ) async throws -> ProgramRun {
        let folder = try ScratchFolder()
        // The first line is awaited before the body begins.
        let script = try folder.write("\\echo begun\n\(statement)\n\\watch 0.1\n", to: "watch.sql")
        let client = try await RunningProgram.start(
            ["--no-psqlrc", "--quiet", "--file", script, "--dbname", Deployment.conninfo(settings)],
            program: "/usr/bin/psql")
        let run = try await body()
        await client.stop()
        return run
    }

    @Test func `a client that only says that it is there is nobody, and one that works is somebody`() async throws {
        for (statement, isSomebody) in [
            ("SELECT 1", false), ("-- ping", false), ("SELECT count(*) FROM public.users", true),
        ] {
            try await withPurging { purging in
                let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
                let run = try await beside(purging.settings, statement) {
                    try await purging.retention(
                        ["purge", "--yes", "--expect-rows", String(rows)] + purging.places + Purging.date)
                }
                #expect(run.exitCode == 0, "\(run.errors)")
                #expect(
                    run.errors.contains("the purge rests every few rows") == isSomebody, "\(statement): \(run.errors)")
            }
        }
    }

    @Test func `signs of life are told from work by their texts`() async throws {
        let texts: [(String, Bool)] = [
            ("", true), (";", true), ("SELECT 1", true), (" select 1 ; ", true), ("-- ping", true), ("select", true),
            ("/* pool */ SELECT 1 AS \"alive\"", true), ("SELECT now(), version(), 'up'", true),
            ("SHOW TimeZone", true),
            ("SELECT pg_catalog.pg_is_in_recovery()", true), ("SELECT current_setting('port')", true),
            ("DISCARD ALL", true), ("SET application_name = 'x'", true), ("SELECT 1; SELECT 2", true),
            ("-- note\nDELETE FROM x", false), ("/* a */ DELETE FROM x /* b */", false), ("SELECT 1 FROM x", false),
            ("SELECT f(1)", false), ("SELECT 1; DELETE FROM x", false), ("COMMIT", false), ("BEGIN", false),
            ("SELECT 'a;b'", false), ("settle", false), ("SELECT pg_sleep(1)", false), ("TABLE x", false),
        ]
        try await withConnection { connection in
            for (text, isTrivial) in texts {
                let judged = try await connection.run {
                    try $0.query("SELECT \(Throttle.isTrivial("$1::text")) AS is_so", [.text(text)])[0].bool("is_so")
                }
                #expect(judged == isTrivial, "\(text)")
            }
        }
    }

    @Test func `a purge rests in its statements while others are at work, unless it is told not to`() async throws {
        for more in [[], ["--no-rests"]] {
            try await withPurging { purging in
                let rows = try await PlanFile(purging.settings, Purging.date).sum("due_rows")
                let application = try await Connection.open(purging.settings)
                async let run = purging.retention(
                    ["purge", "--yes", "--expect-rows", String(rows)] + purging.places + Purging.date + more,
                    atOnce: true)
                // The application asks and asks; what it sees of the purge is whether it sleeps.
                let rests = try await application.run { session in
                    var rests = 0
                    for _ in 0..<100_000 {
                        let row = try session.query(
                            """
                            SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                                AND wait_event = 'PgSleep' AND query LIKE '%due%') AS rests,
                                EXISTS (SELECT FROM daybook.purge_run WHERE state = 'finished') AS is_over
                            """)[0]
                        if try row.bool("is_over") { break }
                        rests += try row.bool("rests") ? 1 : 0
                    }
                    return rests
                }
                let ended = try await run
                #expect(ended.exitCode == 0, "\(ended.errors)")
                #expect((rests > 0) == more.isEmpty, "\(rests) rests with \(more)")
                #expect(ended.errors.contains("the purge rests every few rows") == more.isEmpty, "\(ended.errors)")
                #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
                await application.close()
            }
        }
    }

    @Test func `an old snapshot of another connection makes a purge wait, and stop when it lasts`() async throws {
        try await withServer(port: 5434) { purging, _ in
            let holder = try await Connection.open(purging.settings)
            let hold = """
                BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.users; SELECT pg_sleep(2)
                """
            try await holder.run { try $0.executeScript(hold) }
            let books = try await purging.fingerprint()
            let stopped = try await purge(purging, ["--pause-transaction", "1", "--pause-at-most", "3"], atOnce: true)
            #expect(stopped.exitCode == 75, "\(stopped.errors)")
            #expect(stopped.errors.contains("pausing: somebody's transaction is open for"), "\(stopped.errors)")
            #expect(stopped.errors.contains("purge --resume"), "\(stopped.errors)")
            #expect(try await purging.fingerprint() == books)
            // It goes on by itself when the snapshot is gone.
            async let resumed = purging.retention(
                ["purge", "--resume", "--pause-transaction", "1"] + purging.places, atOnce: true)
            let watcher = try await Connection.open(purging.settings)
            try await wait(watcher, until: Self.isPausing, "the purge waits")
            await watcher.close()
            try await holder.run { try $0.executeScript("COMMIT") }
            let run = try await resumed
            #expect(run.exitCode == 0 && run.errors.contains("pausing: somebody's"), "\(run.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            await holder.close()
        }
    }

    @Test func `autovacuum at work on the table makes a purge wait until it is done`() async throws {
        try await withServer(port: 5435, settings: ["autovacuum_naptime": "1"]) { purging, _ in
            let connection = try await Connection.open(purging.settings)
            // A vacuum that takes minutes, as on a large table; also where an earlier one has seen all of its pages.
            try await connection.run { session in
                try session.executeScript(
                    """
                    ALTER TABLE public.video_external_access_log SET (autovacuum_vacuum_threshold = 1,
                        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
                    UPDATE public.video_external_access_log SET created_at = created_at
                    """)
            }
            let works = """
                SELECT EXISTS (SELECT FROM pg_stat_progress_vacuum AS v JOIN pg_stat_activity AS a ON a.pid = v.pid
                    WHERE v.relid = 'public.video_external_access_log'::regclass AND a.backend_type = 'autovacuum worker')
                """
            try await wait(connection, until: works, "autovacuum begins")
            async let purged = purge(purging, ["--pause-at-most", "300"], atOnce: true)
            try await wait(connection, until: Self.isPausing, "the purge waits")
            try await connection.run { session in
                // A change of the table's settings makes autovacuum give way; without the brake it is done at once.
                try session.executeScript(
                    """
                    ALTER TABLE public.video_external_access_log RESET (autovacuum_vacuum_cost_delay,
                        autovacuum_vacuum_cost_limit)
                    """)
            }
            let run = try await purged
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(
                run.errors.contains("pausing: autovacuum works on public.video_external_access_log"), "\(run.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            await connection.close()
        }
    }

    @Test func `a replica that is behind makes a purge wait, and stop when it stays behind`() async throws {
        try await withServer(port: 5436, hbaLines: ["local replication all trust"]) { purging, cluster in
            let replica = try cluster.replica(port: 5437)
            let primary = try await Connection.open(purging.settings)
            let standby = try await Connection.open(replica.settings())
            let write = "CREATE TABLE IF NOT EXISTS public.noise (n integer); INSERT INTO public.noise VALUES (1)"
            try await primary.run { try $0.executeScript(write) }
            try await wait(
                primary, until: "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication",
                "the replica catches up")
            try await standby.run { try $0.executeScript("SELECT pg_wal_replay_pause()") }
            try await primary.run { try $0.executeScript(write) }
            try await wait(
                primary, until: "SELECT max(replay_lag) > interval '3 seconds' FROM pg_stat_replication", "a lag shows")
            let books = try await purging.fingerprint()
            let stopped = try await purge(purging, ["--pause-lag", "2", "--pause-at-most", "3"])
            #expect(stopped.exitCode == 75, "\(stopped.errors)")
            #expect(stopped.errors.contains("pausing: a replica is"), "\(stopped.errors)")
            #expect(try await purging.fingerprint() == books)
            try await standby.run { try $0.executeScript("SELECT pg_wal_replay_resume()") }
            let resumed = try await purging.retention(["purge", "--resume", "--quiet"] + purging.places)
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            #expect(try await purging.retention(["verify"]).exitCode == 0)
            await primary.close()
            await standby.close()
            try replica.stop()
        }
    }
}
