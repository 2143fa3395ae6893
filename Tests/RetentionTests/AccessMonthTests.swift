import Foundation
import Postgres
import TestSupport
import Testing

@testable import Retention

/// The months of purged accesses, and what becomes of their counts when they are put back.
@Suite struct AccessMonthTests {
    private static let zones = [
        "Asia/Kathmandu", "America/Los_Angeles", "UTC", "Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Kiritimati",
        "Etc/GMT+12",
    ]

    /// Accesses around the beginnings of two months, of an owner for each zone and of nobody: all the time, and at the
    /// very instants at which quarters of an hour begin and end. March is dropped whole, the rest is swept.
    private static let accesses = """
        CREATE TABLE public.video_external_access_log_2026_03 PARTITION OF public.video_external_access_log
            FOR VALUES FROM ('2026-03-01Z') TO ('2026-04-01Z');
        INSERT INTO users (id)
        SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid FROM generate_series(1, \(zones.count)) AS n;
        INSERT INTO daybook.account (user_id, slug, name, plan, currency, time_zone, retention_days, monthly_fee_usd,
            contract_profile)
        SELECT ('00000000-0000-0000-0000-00000000000' || z.n)::uuid, 'a' || z.n, 'A', 'payg', 'USD', z.name, 30, 0,
            'standard'
        FROM unnest(string_to_array('\(zones.joined(separator: " "))', ' ')) WITH ORDINALITY AS z (name, n);
        INSERT INTO video_external_access_log (video_id, owner_id, action, source, policy_snapshot, created_at)
        SELECT gen_random_uuid(), a.user_id, (ARRAY['play', 'download', 'embed', 'share', 'generate'])[1 + m.n % 5],
            'embed', '{}', b.at + m.n * interval '15 minutes' + s.seconds * interval '1 second'
        FROM (VALUES (timestamptz '2026-02-27 12:00Z', '{0, -0.000001, 420}'::double precision[]),
            ('2026-03-30 12:00Z', '{0, -0.000001}')) AS b (at, seconds)
        CROSS JOIN generate_series(0, 288) AS m (n)
        CROSS JOIN unnest(b.seconds) AS s (seconds)
        CROSS JOIN (SELECT user_id FROM daybook.account UNION ALL SELECT NULL) AS a
        """

    @Test func `months of UTC and of every customer's zone are the same before and after a purge`() async throws {
        try await withDatabase { settings in
            let purging = try Purging(settings)
            try await ProgramRun.expectingSuccess(["database", "migrate"] + purging.database)
            try await execute(Self.accesses, in: settings)
            let reports = AccessReports(settings, months: ["2026-02", "2026-03", "2026-04"])
            let march = AccessReports(settings, months: ["2026-03"])
            let accounts = Self.zones.indices.map { "a\($0 + 1)" }
            let before = try await reports.byCustomer(accounts: [nil]) + march.byCustomer(accounts: accounts)
            #expect(Set(before.map { $0.components(separatedBy: ",").dropFirst(2) }).count > 8)
            let run = try await purging.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await purging.number("SELECT count(*)::text FROM video_external_access_log") == 0)
            let after = try await reports.byCustomer(accounts: [nil]) + march.byCustomer(accounts: accounts)
            #expect(after == before)
            let undivided = try await reports.sheet("purged", ["undivided"], account: nil)
            #expect(undivided.count > 20 && undivided.allSatisfy { $0[0] == "0" })
        }
    }

    private func restore(_ purging: Purging, exitCode: Int32 = 0) async throws {
        let run = try await purging.retention(
            ["restore", purging.archive + "/run-000001/manifest.json", "--certificates", purging.certificates])
        #expect(run.exitCode == exitCode, "\(run.errors)")
    }

    /// What the log says by itself, of all time.
    private static let inLog = """
        SELECT coalesce(a.slug, CASE WHEN t.user_id IS NULL THEN '(unknown video)' ELSE '(none)' END), count(*)::text
        FROM public.video_external_access_log AS l LEFT JOIN public.video_tasks AS t ON t.id = l.video_id
        LEFT JOIN daybook.account AS a ON a.user_id = t.user_id WHERE l.created_at < '2026-12-01Z' GROUP BY 1
        """

    /// What the reports say of all months.
    private func reported(_ purging: Purging) async throws -> [String: Int] {
        let reports = AccessReports(purging.settings, months: SLAReports.months + ["2026-11"])
        var sums: [String: Int] = [:]
        for row in try await reports.sheet("by_customer", ["account", "accesses"], account: nil) {
            sums[row[0], default: 0] += Int(row[1]) ?? -1
        }
        return sums
    }

    private func logged(_ purging: Purging) async throws -> [String: Int] {
        let pairs = try await purging.lines(Self.inLog).map { $0.components(separatedBy: "|") }
        return Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], Int($0[1]) ?? -1) })
    }

    @Test func `after a restore each access is counted once, also where its video has got another owner meanwhile`()
        async throws
    {
        try await withPurging { purging in
            let before = try await logged(purging)
            #expect(try await purging.purge().exitCode == 0)
            #expect(try await reported(purging) == before)
            try await execute(
                """
                UPDATE public.video_tasks AS t SET user_id = n.user_id
                FROM daybook.account AS o, daybook.account AS n
                WHERE t.user_id = o.user_id AND o.slug = 'customer9' AND n.slug = 'customer3'
                """, in: purging.settings)
            // The content of those videos' tasks stays out: it was another owner's.
            try await restore(purging, exitCode: 2)
            let after = try await logged(purging)
            #expect(after["customer9"] == nil && before["customer9"] ?? 0 > 0)
            #expect(try await reported(purging) == after)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_total") == 0)
        }
    }

    /// Counts what a run has taken so far as earlier versions did.
    private static let countedByDays = """
        INSERT INTO daybook.access_day (user_id, day, action, accesses)
        SELECT coalesce(t.user_id, '\(RetentionSession.nobody)'),
            (o.created_at AT TIME ZONE coalesce(a.time_zone, 'UTC'))::date, o.action, count(*)
        FROM public.original AS o LEFT JOIN public.video_tasks AS t ON t.id = o.video_id
        LEFT JOIN daybook.account AS a ON a.user_id = t.user_id
        WHERE NOT EXISTS (SELECT FROM public.video_external_access_log AS l WHERE l.id = o.id)
        GROUP BY 1, 2, 3;
        DELETE FROM daybook.access_total
        """
    private static let original = "CREATE TABLE public.original AS SELECT * FROM public.video_external_access_log"

    @Test
    func `a purge of an earlier version is counted by days, undivided where a month begins, until it is put back`()
        async throws
    {
        try await withPurging { purging in
            try await execute(Self.original, in: purging.settings)
            let before = try await logged(purging)
            #expect(try await purging.purge().exitCode == 0)
            try await execute(Self.countedByDays, in: purging.settings)
            #expect(try await reported(purging) == before)
            let september = AccessReports(purging.settings, months: ["2026-09"])
            let expected = try await purging.lines(
                """
                SELECT a.slug, d.action, sum(d.accesses)::text
                FROM daybook.access_day AS d JOIN daybook.account AS a ON a.user_id = d.user_id
                WHERE extract(epoch FROM (d.day::timestamp AT TIME ZONE a.time_zone) - timestamptz '2026-09-01Z')
                        BETWEEN -86399 AND -1
                    OR extract(epoch FROM (d.day::timestamp AT TIME ZONE a.time_zone) - timestamptz '2026-10-01Z')
                        BETWEEN -86399 AND -1
                GROUP BY a.slug, d.action ORDER BY a.slug COLLATE "C", d.action COLLATE "C"
                """)
            let found = try await september.sheet("purged", ["account", "action", "undivided"], account: nil)
            #expect(found.filter { $0[2] != "0" }.map { $0.prefix(3).joined(separator: "|") } == expected)
            #expect(!expected.isEmpty)
            let own = try await september.sheet("purged", ["account", "undivided"], account: "customer9")
            #expect(!own.isEmpty && own.allSatisfy { $0[1] == "0" })
            try await restore(purging)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_day") == 0)
            #expect(try await reported(purging) == before)
        }
    }

    @Test func `a purge that an earlier version began and this one ended is put back whole`() async throws {
        try await withPurging { purging in
            try await execute(Self.original, in: purging.settings)
            let before = try await logged(purging)
            try await purging.begin(pages: 0..<40)
            try await execute(Self.countedByDays, in: purging.settings)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_day") > 0)
            #expect(try await purging.resume().exitCode == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_total") > 0)
            #expect(try await reported(purging) == before)
            try await restore(purging)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_day") == 0)
            #expect(try await purging.number("SELECT count(*)::text FROM daybook.access_total") == 0)
            #expect(try await reported(purging) == before)
        }
    }
}
