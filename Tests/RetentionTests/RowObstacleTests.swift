import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// What PostgreSQL would refuse a purge's own statement for, whatever row it is about: publications and rules.
@Suite struct RowObstacleTests {
    private static let log = "public.video_external_access_log"
    private static let tasks = "public.video_tasks"

    /// Each on a deployment as it is, with what undoes it. The server itself says which of them are in the way.
    private static let planted: [(script: String, undoing: String)] = [
        ("CREATE PUBLICATION p FOR ALL TABLES", "DROP PUBLICATION p"),
        ("CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert')", "DROP PUBLICATION p"),
        ("CREATE PUBLICATION p FOR TABLES IN SCHEMA public", "DROP PUBLICATION p"),
        ("CREATE PUBLICATION p FOR TABLE \(log), \(tasks) WITH (publish = 'insert, update')", "DROP PUBLICATION p"),
        ("CREATE PUBLICATION p FOR TABLE \(log), \(tasks) WITH (publish = 'insert, delete')", "DROP PUBLICATION p"),
        ("CREATE PUBLICATION p FOR TABLE \(tasks) WHERE (status = 'failed')", "DROP PUBLICATION p"),
        ("CREATE PUBLICATION p FOR TABLE \(tasks) (id)", "DROP PUBLICATION p"),
        ("CREATE PUBLICATION p FOR TABLE \(tasks) (id, user_id, prompt)", "DROP PUBLICATION p"),
        (
            "CREATE PUBLICATION p FOR TABLE \(log) WHERE (action = 'play'); ALTER TABLE \(log) REPLICA IDENTITY FULL",
            "DROP PUBLICATION p; ALTER TABLE \(log) REPLICA IDENTITY DEFAULT"
        ),
        (
            "CREATE PUBLICATION p FOR ALL TABLES; ALTER TABLE \(log) REPLICA IDENTITY NOTHING",
            "DROP PUBLICATION p; ALTER TABLE \(log) REPLICA IDENTITY DEFAULT"
        ),
        (
            """
            CREATE UNIQUE INDEX by_id ON \(tasks) (id); ALTER TABLE \(tasks) REPLICA IDENTITY USING INDEX by_id;
            CREATE PUBLICATION p FOR TABLE \(tasks); DROP INDEX public.by_id
            """, "DROP PUBLICATION p; ALTER TABLE \(tasks) REPLICA IDENTITY DEFAULT"
        ),
        (
            "CREATE RULE also AS ON DELETE TO \(log) DO ALSO SELECT 1",
            "DROP RULE also ON \(log)"
        ),
        ("CREATE RULE instead AS ON DELETE TO \(log) DO INSTEAD NOTHING", "DROP RULE instead ON \(log)"),
        (
            "CREATE RULE instead AS ON UPDATE TO \(tasks) WHERE OLD.status = 'failed' DO INSTEAD NOTHING",
            "DROP RULE instead ON \(tasks)"
        ),
        ("CREATE RULE also AS ON INSERT TO \(log) DO ALSO SELECT 1", "DROP RULE also ON \(log)"),
        (
            "CREATE RULE also AS ON DELETE TO \(log) DO ALSO SELECT 1; ALTER TABLE \(log) DISABLE RULE also",
            "DROP RULE also ON \(log)"
        ),
        (
            "CREATE RULE also AS ON DELETE TO \(log) DO ALSO SELECT 1; ALTER TABLE \(log) ENABLE REPLICA RULE also",
            "DROP RULE also ON \(log)"
        ),
    ]

    /// Statements of a purge's shape, that take nothing; what the server refuses is a state of the table.
    private static func refused(_ settings: ConnectionSettings) async throws -> Set<String> {
        let connection = try await Connection.open(settings)
        var refused: Set<String> = []
        for (name, statement) in [
            (log, "DELETE FROM ONLY \(log) WHERE false RETURNING 1"),
            (tasks, "UPDATE ONLY \(tasks) SET prompt = prompt WHERE false RETURNING 1"),
        ] {
            do {
                try await connection.run { _ = try $0.query("WITH gone AS (\(statement)) SELECT count(*) FROM gone") }
            } catch let error as PostgresError where error.code == .server {
                refused.insert(name)
            }
        }
        await connection.close()
        return refused
    }

    private static func named(_ plan: RetentionPlan) -> Set<String> {
        Set([log, tasks].filter { name in plan.obstacles.contains { $0.sentence.contains(name) } })
    }

    @Test func `exactly what the server would refuse is named, and what is said to mend it does`() async throws {
        try await withPurging { purging in
            for (script, undoing) in Self.planted { try await Self.plant(script, undoing, purging) }
        }
    }

    /// What PostgreSQL refuses from 18 on: generated columns that nobody would see.
    private static let plantedIn18: [(script: String, undoing: String)] = [log, tasks].flatMap { table in
        let undoing = "DROP PUBLICATION p; ALTER TABLE \(table) DROP COLUMN twice"
        return ["STORED", "VIRTUAL"].map { kind in
            (
                """
                ALTER TABLE \(table) ADD COLUMN twice boolean GENERATED ALWAYS AS (created_at IS NULL OR true) \(kind);
                ALTER TABLE \(table) REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE \(table)
                """, undoing
            )
        }
    }

    @Test func `a server of version 18 refuses the same and more, and that is named too`() async throws {
        let cluster = try TestCluster(port: 5491, version: 18)
        let database = try await TestDatabase.create(in: cluster)
        try await Deployment.loadSample(into: database.settings)
        let purging = try Purging(database.settings)
        for (script, undoing) in Self.planted + Self.plantedIn18 { try await Self.plant(script, undoing, purging) }
        try cluster.stop()
    }

    private static func plant(_ script: String, _ undoing: String, _ purging: Purging) async throws {
        try await execute(script, in: purging.settings)
        let plan = try await OwnMonths.plan(purging)
        #expect(try await Self.named(plan) == Self.refused(purging.settings), "\(script): \(plan.obstacles)")
        for obstacle in plan.obstacles { try await execute(obstacle.mend, in: purging.settings) }
        #expect(try await Self.refused(purging.settings).isEmpty, "\(script): \(plan.obstacles)")
        #expect(try await OwnMonths.plan(purging).obstacles.isEmpty, "\(script)")
        try await execute(
            undoing + "; ALTER TABLE \(Self.log) REPLICA IDENTITY DEFAULT; "
                + "ALTER TABLE \(Self.tasks) REPLICA IDENTITY DEFAULT", in: purging.settings)
        #expect(try await Self.refused(purging.settings).isEmpty, "\(script)")
    }

    @Test func `all at once: plan, check and purge name each, nothing is gone, and mended it goes`() async throws {
        try await withPurging { purging in
            try await execute(
                """
                CREATE PUBLICATION everything FOR ALL TABLES;
                CREATE PUBLICATION failures FOR TABLE \(Self.tasks) WHERE (status = 'failed');
                CREATE PUBLICATION some_columns FOR TABLE \(Self.tasks) (user_id) WITH (publish = 'insert, update');
                ALTER TABLE public.enterprise_api_usage REPLICA IDENTITY NOTHING;
                CREATE RULE also AS ON DELETE TO \(Self.log) DO ALSO SELECT 1
                """, in: purging.settings)
            let words = ["everything", "failures", "some_columns", "public.enterprise_api_usage", "rule also"]
            let before = try await purging.fingerprint()
            let plan = try await purging.retention(["plan"] + Purging.date)
            let check = try await ProgramRun(["database", "check"] + purging.database)
            let refused = try await purging.purge()
            #expect(refused.exitCode == 78, "\(refused.errors)")
            for word in words {
                #expect(plan.output.contains(word), "\(word): \(plan.output)")
                #expect(check.output.contains(word), "\(word): \(check.output)")
                #expect(refused.errors.contains(word), "\(word): \(refused.errors)")
            }
            #expect(try await purging.fingerprint() == before)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0)
            // A table's identity and a list of its columns can be at odds, so what is left is asked for again.
            for _ in 0..<3 {
                for obstacle in try await OwnMonths.plan(purging).obstacles {
                    try await execute(obstacle.mend, in: purging.settings)
                }
            }
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await PlanFile(purging.settings, Purging.date).sum("due_rows") == 0)
        }
    }

    @Test func `rows that a constraint will not let go are found wherever in their table they lie`() async throws {
        let beyond = "((ctid::text)::point)[0] > 2"
        for (script, exitCode, word) in [
            (
                """
                CREATE UNIQUE INDEX one_access ON \(Self.log) (id);
                CREATE TABLE public.complaint (access uuid CONSTRAINT complaint_access REFERENCES \(Self.log) (id));
                INSERT INTO public.complaint SELECT id FROM \(Self.log) WHERE created_at < '2026-05-01Z' AND \(beyond)
                """, Int32(78), "complaint_access"
            ),
            (
                """
                ALTER TABLE \(Self.tasks) ADD CONSTRAINT prompt_stays
                    CHECK (prompt <> '' OR created_at < '2026-08-01Z') NOT VALID
                """, 65, "prompt_stays"
            ),
            (
                """
                CREATE UNIQUE INDEX one_prompt ON \(Self.tasks) ((CASE WHEN prompt = '' THEN status ELSE id::text END))
                    WHERE created_at > '2026-08-01Z'
                """, 65, "one_prompt"
            ),
        ] {
            try await withPurging { purging in
                try await execute(script, in: purging.settings)
                let before = try await purging.fingerprint()
                let refused = try await purging.purge()
                #expect(refused.exitCode == exitCode, "\(word): \(refused.errors)")
                #expect(refused.errors.contains(word), "\(word): \(refused.errors)")
                #expect(try await purging.fingerprint() == before, "\(word)")
                #expect(try await purging.number("SELECT count(*)::text FROM daybook.purge_run") == 0, "\(word)")
            }
        }
    }

    @Test func `partitions that are published through their log are named, with the log for months to come`()
        async throws
    {
        try await OwnMonths.with { purging in
            try await execute(
                "CREATE PUBLICATION p FOR TABLE \(Self.log) WITH (publish_via_partition_root = true)",
                in: purging.settings)
            let plan = try await OwnMonths.plan(purging)
            #expect(plan.obstacles.count == 1, "\(plan.obstacles)")
            #expect(plan.obstacles.first?.what.contains("\(Self.log)_default") == true, "\(plan.obstacles)")
            #expect(try await OwnMonths.refusal(purging)?.kind == .configuration)
            for obstacle in plan.obstacles { try await execute(obstacle.mend, in: purging.settings) }
            #expect(try await OwnMonths.refusal(purging) == nil)
            // A month to come is made as the log is now.
            try await execute("DROP TABLE \(Self.log)_2027_03", in: purging.settings)
            try await ProgramRun.expectingSuccess(["database", "partitions"] + purging.database)
            #expect(try await OwnMonths.refusal(purging) == nil)
            #expect(try await purging.purge().exitCode == 0)
        }
    }

    @Test func `rows that wait for their month and may not be deleted are said to wait for that`() async throws {
        try await OwnMonths.with { purging in
            try await execute(
                """
                CREATE PUBLICATION p FOR TABLE \(Self.log); DROP TABLE \(Self.log)_2027_03;
                INSERT INTO \(Self.log) (video_id, action, source, policy_snapshot, created_at)
                VALUES (gen_random_uuid(), 'play', 'embed', '{}', '2027-03-05Z')
                """, in: purging.settings)
            let run = try await ProgramRun(["database", "partitions"] + purging.database)
            #expect(run.exitCode == 78, "\(run.errors)")
            #expect(run.errors.contains("REPLICA IDENTITY FULL"), "\(run.errors)")
        }
    }
}
