import Foundation
import Postgres
import TestSupport
import Testing

/// Purges whose session loses what it rests on: the lock that keeps a second purge out, and time.
@Suite struct SessionLossTests {
    @Test func `a purge whose session lost the lock stops before its next change, and can be continued`() async throws {
        try await withDatabase { settings in
            try await HoldTests.makeWideLog(settings)
            let purging = try Purging(settings)
            // The first rows that are gone take the lock with them.
            try await execute(
                """
                CREATE FUNCTION public.forget_locks() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_advisory_unlock_all(); RETURN NULL; END $$;
                CREATE TRIGGER forget_locks AFTER INSERT ON daybook.purge_segment
                    FOR EACH STATEMENT EXECUTE FUNCTION public.forget_locks()
                """, in: settings)
            let stopped = try await purging.purge()
            #expect(stopped.exitCode == 78, "\(stopped.output)\(stopped.errors)")
            #expect(stopped.errors.contains("no longer holds the lock") && stopped.errors.contains("--resume"))
            let left = try await purging.number("SELECT count(*)::text FROM video_external_access_log")
            let gone = "has taken \(6000 - left) rows (access_log \(6000 - left));"
            #expect(stopped.errors.contains(gone), "\(stopped.errors)")
            let archived = "SELECT coalesce(sum(row_count), 0)::text FROM daybook.purge_segment"
            #expect(left > 0 && left < 6000)
            #expect(try await purging.number(archived) == 6000 - left)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.retention_certificate") == 0)
            try await execute("DROP TRIGGER forget_locks ON daybook.purge_segment", in: settings)
            let resumed = try await purging.resume()
            #expect(resumed.exitCode == 0, "\(resumed.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM video_external_access_log") == 0)
            #expect(try await purging.number(archived) == 6000)
            #expect(try await purging.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `of two purges at once, one of them through a pooler, one purges and the other is refused`() async throws
    {
        try await withSample { settings in
            let pooler = try TestPooler(mode: "transaction", size: 2)
            let (direct, pooled) = (try Purging(settings), try Purging(try await pooler.settings(settings)))
            async let first = direct.purge()
            async let second = pooled.purge()
            let (purged, refused) = try await (first, second)
            #expect(purged.exitCode == 0, "\(purged.errors)")
            #expect(refused.exitCode == 78 && refused.errors.contains("connect directly"), "\(refused.errors)")
            #expect(try await direct.number("SELECT count(*)::text FROM daybook.purge_run") == 1)
            #expect(try await direct.number("SELECT count(*)::text FROM daybook.retention_certificate") == 1)
            #expect(try await direct.retention(["verify"]).exitCode == 0)
        }
    }

    @Test func `limits of the database that end sessions end no report, no closing and no purge on PostgreSQL 18`()
        async throws
    {
        let cluster = try TestCluster(version: 18)
        defer { try? cluster.stop(mode: "immediate") }
        let database = try await TestDatabase.create(in: cluster)
        let settings = database.settings
        try await Deployment.loadSample(into: settings)
        // What takes longer than the limits, wherever it is called from: each recorded segment and closing.
        try await execute(
            """
            CREATE FUNCTION public.take_long() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
            CREATE TRIGGER take_long AFTER INSERT ON daybook.month_close
                FOR EACH STATEMENT EXECUTE FUNCTION public.take_long();
            CREATE TRIGGER take_long AFTER INSERT ON daybook.purge_run
                FOR EACH STATEMENT EXECUTE FUNCTION public.take_long();
            DO $$ BEGIN
                EXECUTE format('ALTER DATABASE %I SET transaction_timeout = 200', current_database());
                EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = 200', current_database());
                EXECUTE format('ALTER DATABASE %I SET idle_session_timeout = 200', current_database());
            END $$
            """, in: settings)
        let other = try await ProgramRun(
            ["--no-psqlrc", "--command", "SELECT pg_sleep(0.5)", "--dbname", Deployment.conninfo(settings)],
            program: "/usr/bin/psql")
        #expect(other.exitCode != 0 && other.errors.contains("transaction timeout"), "\(other.errors)")
        let purging = try Purging(settings)
        for command in [
            ["report", "statement", "--month", "2026-10", "--all", "--output", purging.folder.file("statements")],
            ["report", "sla", "--month", "2026-10", "--output", purging.folder.file("reports")],
            ["close", "month", "2026-10", "--account", "customer1"],
        ] {
            let run = try await ProgramRun(command + purging.database)
            #expect(run.exitCode == 0, "\(command): \(run.errors)")
        }
        let purged = try await purging.purge()
        #expect(purged.exitCode == 0, "\(purged.errors)")
        #expect(try await purging.retention(["verify"]).exitCode == 0)
    }
}
