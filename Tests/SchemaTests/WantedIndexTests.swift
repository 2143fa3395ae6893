import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// What a database lacks for a month to be read at the same speed after years, and that the statement helps.
@Suite(.timeLimit(.minutes(5))) struct WantedIndexTests {
    private static let prefix = "indexes: "

    private func advice(_ settings: ConnectionSettings) async throws -> [String] {
        try await ProgramRun.expectingSuccess(["database", "check", "--database", Deployment.conninfo(settings)])
            .split(separator: "\n").map(String.init).filter { $0.hasPrefix(Self.prefix) }
    }

    /// Runs what was said, statement by statement, as somebody does who copies it.
    private func follow(_ advice: [String], _ settings: ConnectionSettings) async throws {
        for line in advice {
            let statements = line.components(separatedBy: "anybody: ").last ?? ""
            for statement in statements.split(separator: ";") {
                try await ProgramRun.expectingSuccess(
                    ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", String(statement), "--dbname"]
                        + [Deployment.conninfo(settings)], program: "/usr/bin/psql")
            }
        }
    }

    private func withDeployment(_ body: (ConnectionSettings) async throws -> Void) async throws {
        let script = try Deployment.sampleScript()
        try await withDatabase { settings in
            try await execute(script.components(separatedBy: "\nCOPY ")[0] + "COMMIT;", in: settings)
            try await body(settings)
        }
    }

    @Test func `a database that Daybook made lacks none, also where it was made before there were such indexes`()
        async throws
    {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            let older = Migration.all.filter { $0.version < 40 }
            _ = try await Migrator(migrations: older).migrate(connection)
            let lacking = try await advice(settings)
            #expect(lacking.count == 2 && lacking.allSatisfy { $0.contains("public.video_tasks") }, "\(lacking)")
            _ = try await Migrator().migrate(connection)
            #expect(try await advice(settings).isEmpty)
            await connection.close()
        }
    }

    @Test func `who made the index before the migration keeps it`() async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            _ = try await Migrator(migrations: Migration.all.filter { $0.version < 40 }).migrate(connection)
            try await follow(try await advice(settings), settings)
            #expect(try await advice(settings).isEmpty)
            #expect(try await Migrator().migrate(connection).contains("40 history"))
            await connection.close()
        }
    }

    @Test func `a deployment is told what it lacks, with the statement and whose it is, and nothing is made for it`()
        async throws
    {
        try await withDeployment { settings in
            let lacking = try await advice(settings)
            #expect(lacking.count == 4, "\(lacking)")
            for (line, index) in zip(
                lacking,
                [
                    "video_tasks_created_at ON public.video_tasks USING brin (created_at timestamptz_minmax_multi_ops)",
                    "video_tasks_batch_created ON public.video_tasks (batch_job_id, created_at);",
                    "batch_jobs_created_at ON public.batch_jobs USING brin (created_at timestamptz_minmax_multi_ops)",
                    "credit_ledger_balance ON public.credit_ledger (user_id, created_at, id) INCLUDE (credits_delta);",
                ])
            {
                #expect(line.contains("CREATE INDEX CONCURRENTLY \(index)"))
                #expect(line.contains("The owner of public.") && line.contains(settings.options["user"] ?? "?"))
            }
            _ = try await ProgramRun.expectingSuccess(
                ["database", "migrate", "--engine", "--database", Deployment.conninfo(settings)])
            #expect(try await advice(settings) == lacking)
            try await follow(lacking, settings)
            #expect(try await advice(settings).isEmpty)
        }
    }

    @Test func `an index of some rows is none, one that failed is made again, and a name that is taken is not used`()
        async throws
    {
        try await withDeployment { settings in
            try await execute(
                """
                CREATE INDEX credit_ledger_balance ON public.credit_ledger (user_id, created_at) WHERE type = 'spend';
                CREATE INDEX video_tasks_created_at ON public.video_tasks (created_at);
                UPDATE pg_catalog.pg_index SET indisvalid = false
                WHERE indexrelid = 'public.video_tasks_created_at'::regclass;
                """, in: settings)
            let lacking = try await advice(settings)
            #expect(lacking.contains { $0.hasSuffix(": REINDEX INDEX CONCURRENTLY public.video_tasks_created_at;") })
            #expect(lacking.contains { $0.contains("CREATE INDEX CONCURRENTLY ON public.credit_ledger (user_id, ") })
            try await follow(lacking, settings)
            #expect(try await advice(settings).isEmpty)
        }
    }

    @Test func `a divided table is told of each part that lacks it, and a table by months lacks nothing for a month`()
        async throws
    {
        try await withDeployment { settings in
            try await execute(
                """
                DROP TABLE public.batch_jobs CASCADE;
                CREATE TABLE public.batch_jobs (
                    id uuid, user_id uuid, cost_per_video integer, frozen_credits integer, created_at timestamptz
                ) PARTITION BY HASH (user_id);
                CREATE TABLE public.batch_jobs_0 PARTITION OF public.batch_jobs
                    FOR VALUES WITH (MODULUS 3, REMAINDER 0);
                CREATE TABLE public.batch_jobs_1 PARTITION OF public.batch_jobs
                    FOR VALUES WITH (MODULUS 3, REMAINDER 1);
                CREATE TABLE public.batch_jobs_2 PARTITION OF public.batch_jobs
                    FOR VALUES WITH (MODULUS 3, REMAINDER 2);
                CREATE INDEX ON public.batch_jobs_1 (created_at);
                DROP TABLE public.video_external_access_log;
                CREATE TABLE public.video_external_access_log (id uuid, video_id uuid, created_at timestamptz)
                    PARTITION BY RANGE (created_at);
                CREATE TABLE public.accesses PARTITION OF public.video_external_access_log DEFAULT
                """, in: settings)
            let lacking = try await advice(settings).filter { !$0.contains("tasks") && !$0.contains("credit") }
            #expect(lacking.count == 1)
            let line = lacking.first ?? ""
            #expect(line.contains("ON public.batch_jobs_0 ") && line.contains("ON public.batch_jobs_2 "))
            #expect(!line.contains("public.batch_jobs_1") && line.contains("; CREATE INDEX batch_jobs_created_at ON "))
            try await follow(lacking, settings)
            #expect(try await advice(settings).allSatisfy { !$0.contains("batch_jobs_created_at") })
        }
    }

    @Test func `what no index can find is not asked for`() async throws {
        try await withDeployment { settings in
            try await execute(
                """
                ALTER TABLE public.batch_jobs ALTER COLUMN created_at TYPE text;
                ALTER TABLE public.video_external_access_log RENAME TO accesses;
                CREATE VIEW public.video_external_access_log AS SELECT * FROM public.accesses
                """, in: settings)
            let lacking = try await advice(settings)
            #expect(!lacking.contains { $0.contains("batch_jobs_created_at") || $0.contains("access_log") })
        }
    }
}
