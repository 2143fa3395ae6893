import Foundation
import Postgres
import TestSupport
import Testing

/// Whose an access is: the same for the report, the plan, a hold and what is left after a purge.
@Suite struct AccessOwnerTests {
    /// What a database has of the column that says whose an access is.
    private enum Shape: CaseIterable {
        /// Daybook made the tables; the month is swept, or dropped whole.
        case own, partitioned
        /// A deployment with the engine, which added the column.
        case engine
        /// A deployment without it, and one whose application has a column of that name for something else.
        case plain, foreign

        var hasColumn: Bool { self != .plain && self != .foreign }
    }

    private static let owners = (1...3).map { "00000000-0000-0000-0000-00000000000\($0)" }
    private static let video = "10000000-0000-0000-0000-00000000000"
    private static let batch = "20000000-0000-0000-0000-000000000001"

    /// A database with two accounts and a third owner who has none.
    private func with(_ shape: Shape, _ body: (Purging) async throws -> Void) async throws {
        try await withDatabase { settings in
            let purging = try Purging(settings)
            if shape != .own && shape != .partitioned {
                let tables = try Deployment.sampleScript().components(separatedBy: "\nCOPY ")[0] + "COMMIT;"
                try await execute(tables, in: settings)
            }
            if shape == .foreign {
                try await execute("ALTER TABLE video_external_access_log ADD COLUMN owner_id text", in: settings)
            }
            let engine = shape == .engine ? ["--engine"] : []
            try await ProgramRun.expectingSuccess(["database", "migrate"] + engine + purging.database)
            if shape == .partitioned {
                try await execute(
                    """
                    CREATE TABLE public.video_external_access_log_2026_03 PARTITION OF public.video_external_access_log
                        FOR VALUES FROM ('2026-03-01Z') TO ('2026-04-01Z')
                    """, in: settings)
            }
            let isOwn = shape == .own || shape == .partitioned
            let users = Self.owners.map { isOwn ? "('\($0)')" : "('\($0)', '\($0)', '\($0)')" }
            try await execute(
                """
                INSERT INTO users (\(isOwn ? "id" : "id, google_id, email")) VALUES \(users.joined(separator: ", "));
                INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days,
                    monthly_fee_usd, contract_profile)
                VALUES ('\(Self.owners[0])', 'one', 'One', 'payg', 'USD', 'Asia/Kathmandu', 30, 0, 'standard'),
                    ('\(Self.owners[1])', 'two', 'Two', 'payg', 'USD', 'America/Los_Angeles', 90, 0, 'standard');
                INSERT INTO batch_jobs (id, user_id, status, total_count, cost_per_video)
                VALUES ('\(Self.batch)', '\(Self.owners[1])', 'completed', 1, 10);
                INSERT INTO video_tasks (id, user_id, prompt, status, batch_job_id)
                VALUES ('\(Self.video)2', '\(Self.owners[1])', '', 'processing', NULL),
                    ('\(Self.video)3', '\(Self.owners[1])', '', 'processing', '\(Self.batch)'),
                    ('\(Self.video)5', '\(Self.owners[2])', '', 'processing', NULL)
                """, in: settings)
            try await execute(Self.accesses(shape), in: settings)
            try await body(purging)
        }
    }

    /// One access of a video whose task is gone, two of one whose row says no owner, four of one that changed owners,
    /// eight of nobody's, sixteen of an owner's without an account: each sum tells which are in it.
    private static func accesses(_ shape: Shape) -> String {
        let known = ["'\(owners[0])'", "NULL", "'\(owners[0])'", "NULL", "'\(owners[2])'"]
        return (1...5).map { number in
            let owner = shape == .foreign ? "'somebody'" : "\(known[number - 1])::uuid"
            return """
                INSERT INTO video_external_access_log (video_id, \(shape == .plain ? "" : "owner_id,") user_id, action,
                    source, policy_snapshot, created_at)
                SELECT '\(video)\(number)', \(shape == .plain ? "" : owner + ",") '\(owners[1])',
                    (ARRAY['play', 'download', 'embed', 'share'])[1 + n % 4], 'embed', '{}',
                    timestamptz '2026-03-01Z' + n * interval '7 hours'
                FROM generate_series(1, \(1 << (number - 1))) AS n
                """
        }.joined(separator: ";\n")
    }

    /// The accesses of each account: what each shape knows of its owners.
    private static func expected(_ shape: Shape) -> [String] {
        shape.hasColumn
            ? ["(none),16", "(unknown video),8", "one,5", "two,2"] : ["(none),16", "(unknown video),9", "two,6"]
    }

    @Test(arguments: Shape.allCases)
    private func `plan, report and what is left after a purge say the same of every access`(_ shape: Shape) async throws
    {
        try await with(shape) { purging in
            let reports = AccessReports(purging.settings, months: ["2026-02", "2026-03"])
            let accounts = [nil, "two"]
            let before = try await reports.byCustomer(accounts: accounts)
            let counts = try await reports.sheet("by_customer", ["account", "accesses"], account: nil)
            #expect(counts.map { $0.prefix(2).joined(separator: ",") } == Self.expected(shape))
            let plan = try await PlanFile(purging.settings, Purging.date)
            for (account, names) in [("", ["(none)", "(unknown video)"]), ("one", ["one"]), ("two", ["two"])] {
                let due = counts.filter { names.contains($0[0]) }.reduce(0) { $0 + (Int($1[1]) ?? -1) }
                guard due > 0 else { continue }
                #expect(try plan.row(account: account, dataClass: "access_log")["due_rows"] == String(due))
            }
            let run = try await purging.purge()
            #expect(run.exitCode == 0 && run.output.contains("took 31 rows"), "\(run.output)\(run.errors)")
            #expect(try await reports.byCustomer(accounts: accounts) == before)
            let purged = try await reports.sheet("purged", ["accesses"], account: nil)
            #expect(purged.reduce(0) { $0 + (Int($1[0]) ?? -1) } == 31)
        }
    }

    @Test(arguments: [Shape.own, .partitioned, .engine])
    private func `a hold keeps an access by the owner that its row says, and by the batch that its video is in`(
        _ shape: Shape
    ) async throws {
        for (scope, kept) in [(["--account", "one"], 5), (["--batch", Self.batch], 4)] {
            try await with(shape) { purging in
                let held = try await purging.retention(
                    ["hold", "add", "--matter", "m", "--requested-by", "counsel"] + scope)
                #expect(held.exitCode == 0, "\(held.errors)")
                #expect(try await PlanFile(purging.settings, Purging.date).sum("held_rows") == kept)
                let run = try await purging.purge()
                #expect(run.exitCode == 0, "\(run.errors)")
                let left = "SELECT count(*)::text FROM video_external_access_log"
                #expect(try await purging.number(left) == kept)
                #expect(try await purging.retention(["verify"]).exitCode == 0)
            }
        }
    }
}
