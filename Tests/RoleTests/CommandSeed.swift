import Foundation
import Postgres
import Schema
import TestSupport

/// A small database of the whole system with something for every command, and a copy of it for each role.
struct CommandSeed: Sendable {
    static let user = "00000000-0000-0000-0000-00000000000a"
    /// A batch of the application, which delivered nothing and is settled.
    static let batch = "00000000-0000-0000-0000-0000000000ba"
    let server: RoleServer
    let original: TestDatabase
    let folder: ScratchFolder
    /// The name of the key that a copy revokes.
    let key: String

    /// Two customers, credit, a ledger row that is older than the financial retention, accesses that are due.
    private static let books = """
        INSERT INTO public.users (id, email) VALUES ('\(user)', 'one@example.com'), ('00000000-0000-0000-0000-00000000000b', NULL),
            ('00000000-0000-0000-0000-00000000000c', NULL);
        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, meta, created_at)
        VALUES ('00000000-0000-0000-0000-00000000000c', 'purchase', 5, 'stripe_payment', 'pay-0', '{"usd": 1}', '2012-02-03Z');
        SELECT count(daybook.open_lot('\(user)', 'purchased', 1000, 100, NULL, 'purchase', 'stripe_payment', 'pay-1', NULL, NULL));
        INSERT INTO daybook.probe (target, probed_at, ok) VALUES ('api', now() - interval '1 day', true);
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits, settlement_status,
            created_at, completed_at)
        VALUES ('\(batch)', '\(user)', 'failed', 0, 10, 0, 'refunded', now() - interval '2 days', now() - interval '1 day')
        """

    /// A service credit to ask for and to grant, and one that was asked for, to decline.
    private static let offers = """
        INSERT INTO daybook.service_credit (user_id, month, period_start, period_end, monthly_fee_usd, attained,
            tier_percent, is_least, credit_usd, request_until, report_sha256, author)
        SELECT '\(user)', month, month, month + 27, 1, 99.5, 5, false, 0.05, '2199-01-01Z', repeat('0', 64), 'seed'
        FROM unnest('{2020-01-01,2020-02-01}'::date[]) AS month;
        INSERT INTO daybook.service_credit_event (user_id, month, sequence, event, asked_at, reference, author)
        VALUES ('\(user)', '2020-02-01', 1, 'requested', '2020-03-01Z', 'mail', 'seed')
        """

    private static func accesses(_ month: String) -> String {
        """
        INSERT INTO public.video_external_access_log (video_id, owner_id, action, source, policy_snapshot, created_at)
        SELECT gen_random_uuid(), '\(user)', 'play', 'embed', '{}', timestamptz '\(month)-01Z' + n * interval '1 day'
        FROM generate_series(1, 2) AS n
        """
    }

    /// One that no policy takes yet.
    private static let recentAccess = """
        INSERT INTO public.video_external_access_log (video_id, owner_id, action, source, policy_snapshot, created_at)
        VALUES (gen_random_uuid(), '\(user)', 'play', 'embed', '{}', now() - interval '1 hour')
        """

    static func make(_ server: RoleServer) async throws -> CommandSeed {
        let original = try await TestDatabase.create(in: server.cluster)
        let (settings, folder) = (original.settings, try ScratchFolder())
        try await execute("ALTER DATABASE \(original.name) OWNER TO \(RoleServer.owner)", in: server.cluster.settings())
        func asOwner(_ arguments: [String]) async throws { try await RoleServer.asOwner(arguments, settings) }
        try await asOwner(["database", "migrate"])
        let owner = RoleServer.login(settings, RoleServer.owner)
        try await execute(books, in: owner)
        try await asOwner(["accounts", "import", try accounts(folder)])
        try await asOwner(
            ["retention", "hold", "add", "--account", "two", "--matter", "m", "--requested-by", "counsel"])
        try await execute(offers, in: owner)
        try await asOwner(["report", "statement", "--month", "2020-01", "--all", "--quiet", "--output", folder.path])
        try await asOwner(["close", "month", "2020-01", "--quiet"])
        try await execute(accesses("2025-03"), in: owner)
        try await asOwner(
            [
                "retention", "purge", "--yes", "--quiet", "--expect-rows", "2", "--archive", folder.file("archive"),
                "--certificates", folder.file("certificates"),
            ])
        try await asOwner(
            [
                "retention", "restore", folder.file("archive") + "/run-000001/manifest.json", "--into", "seen",
                "--reason",
                "tried", "--certificates", folder.file("certificates"),
            ])
        try await execute(accesses("2025-04"), in: owner)
        try await execute(recentAccess, in: owner)
        try await execute("UPDATE daybook.purge_run SET archive_expires_at = now() - interval '1 day'", in: owner)
        try await ProgramRun.expectingSuccess(
            [
                "keys", "create", "--account", "one", "--name", "production", "--database", Deployment.conninfo(owner),
            ], program: RunningProgram.path("daybookd"))
        let key = try await RoleServer.lines("SELECT key_id::text FROM daybook.api_key", settings)[0]
        try await asOwner(["database", "roles"])
        try await execute(
            """
            CREATE ROLE daybook_reader LOGIN IN ROLE daybook_report;
            CREATE ROLE daybook_nightly LOGIN IN ROLE daybook_purge, daybook_report
            """, in: settings)
        for role in DocumentedRole.byHand { try await execute(RightsDocument.script(role), in: settings) }
        return CommandSeed(server: server, original: original, folder: folder, key: key)
    }

    private static func accounts(_ folder: ScratchFolder) throws -> String {
        try folder.write(
            """
            user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold
            \(user),one,One,payg,USD,UTC,30,1,
            00000000-0000-0000-0000-00000000000b,two,Two,payg,USD,UTC,30,1,

            """, to: "accounts.csv")
    }

    /// A copy of the database for one role, and what the words in braces stand for.
    func copy(_ role: CommandRole) async throws -> (settings: ConnectionSettings, places: [String: String]) {
        let database = try await TestDatabase.create(in: server.cluster, copyOf: original)
        try await execute("ALTER DATABASE \(database.name) OWNER TO \(RoleServer.owner)", in: server.cluster.settings())
        let own = folder.file(role.rawValue)
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder.file("archive"), toPath: own + "/first")
        try await execute("UPDATE daybook.purge_run SET archive_folder = '\(own)/first'", in: database.settings)
        func file(_ name: String, _ text: String) throws -> String {
            try folder.write(text, to: "\(role.rawValue)/\(name)")
        }
        try FileManager.default.createDirectory(atPath: own + "/letters", withIntermediateDirectories: true)
        _ = try file("letters/tried.txt", "Subject: A letter\n\nGood day.\n")
        let profile = try String(
            contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8)
        let yesterday = Date(timeIntervalSinceNow: -86_400).ISO8601Format()
        let mayClose: Set<CommandRole> = [.owner, .superuser]
        return (
            database.settings,
            [
                "folder": own, "archive": own + "/first", "key": key,
                "closed": mayClose.contains(role) ? "2020-02" : "2020-01",
                "statement": folder.file("statement-one-2020-01"),
                "accounts": try Self.accounts(folder), "profile": try file("profile.json", profile),
                "probes": try file("probes.csv", "probed_at,target,ok,latency_ms\n\(yesterday),api,true,5\n"),
                "windows": try file(
                    "windows.csv",
                    "starts_at,ends_at,reason,announced_at\n2020-01-02T00:00:00Z,2020-01-02T01:00:00Z,r,2020-01-01T00:00:00Z\n"
                ),
                "prices": try file("prices.csv", "entry_id,usd\n"),
                "bill": try file("bill.csv", "provider_task_id,model,usd\nprov-1,sora-2,0.12\n"),
                "outages": try file(
                    "outages.csv",
                    "model,starts_at,ends_at,evidence\nsora-2,2020-01-02T00:00:00Z,2020-01-02T01:00:00Z,e\n"),
            ]
        )
    }
}
