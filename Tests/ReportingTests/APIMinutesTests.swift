import Foundation
import Postgres
import TestSupport
import Testing

/// The API's own minutes beside those of its prober, in a month of which every minute is known.
@Suite struct APIMinutesTests {
    /// A prober that finds ten minutes down and says nothing in five, and two servers whose calls partly fail.
    private static let planted = """
        INSERT INTO daybook.served_minute (minute, server_id, requests, server_errors, milliseconds, answers)
        SELECT '2026-10-01T00:00Z'::timestamptz + n * interval '1 minute', '00000000-0000-0000-0000-00000000000a', 10,
            CASE WHEN n BETWEEN 100 AND 104 OR n IN (150, 151, 160, 202) THEN 10 ELSE 0 END, '{20}', '{10}'
        FROM generate_series(0, 299) AS n;
        INSERT INTO daybook.served_minute (minute, server_id, requests, server_errors, milliseconds, answers)
        SELECT '2026-10-01T00:00Z'::timestamptz + n * interval '1 minute', '00000000-0000-0000-0000-00000000000b', 10,
            2, '{20,304}', '{5,5}'
        FROM generate_series(0, 49) AS n;
        -- Of neither the month before nor the one after.
        INSERT INTO daybook.served_minute (minute, server_id, requests, server_errors, milliseconds, answers)
        SELECT m::timestamptz, '00000000-0000-0000-0000-00000000000a', 1, 1, '{900}', '{1}'
        FROM unnest(ARRAY['2026-09-30T23:59Z', '2026-11-01T00:00Z']) AS m;
        """

    private static func probes(of target: String) -> String {
        """
        INSERT INTO daybook.probe (target, probed_at, ok)
        SELECT '\(target)', '2026-10-01T00:00:30Z'::timestamptz + n * interval '1 minute', n NOT BETWEEN 100 AND 109
        FROM generate_series(0, 44639) AS n WHERE n NOT BETWEEN 200 AND 204;
        """
    }

    private static let summary =
        "batch-api,44640,44635,10,300,9,59,5,5,4,3500,190,94.5714,0.020,0.304,0.304,0.304"
    private static let differences = [
        "batch-api,2026-10-01T01:45:00.000000+00:00,down,answered,5,50,0",
        "batch-api,2026-10-01T02:30:00.000000+00:00,up,failed,2,20,20",
        "batch-api,2026-10-01T02:40:00.000000+00:00,up,failed,1,10,10",
        "batch-api,2026-10-01T03:22:00.000000+00:00,unmonitored,failed,1,10,10",
    ]

    private static let accounts = """
        user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold
        2eae05cf-96d0-4c5f-94c2-8c2e7c26847f,north,Northlight,prepaid,USD,UTC,90,1500,
        20203626-f3fe-49c0-9190-88f590fbbd11,tokyo,Tokyo Pictures,prepaid,USD,Asia/Tokyo,90,1500,

        """

    @Test func `what the API and its prober say stands side by side, and the prober alone is judged by`() async throws {
        try await withEngine { settings in
            try await execute(Self.probes(of: "batch-api") + Self.probes(of: "worker"), in: settings)
            let october = ["--month", "2026-10"]
            let before = try await SLARun(settings, october)
            #expect(!(try before.comparableFiles().keys.contains { $0.contains("within") }))
            try await execute(Self.planted, in: settings)
            let report = try await SLARun(settings, october)
            let lines = try report.lines("availability_within")
            #expect(
                lines == [
                    "component,total_minutes,probed_minutes,probed_down_minutes,served_minutes,failed_minutes,"
                        + "troubled_minutes,both_down_minutes,prober_alone_minutes,api_alone_minutes,requests,"
                        + "server_errors,answered,p50_seconds,p95_seconds,p99_seconds,max_seconds", Self.summary,
                ])
            #expect(Array(try report.lines("availability_differences").dropFirst()) == Self.differences)
            // Everything else is as it was without them.
            let files = try report.comparableFiles()
            let unchanged = try before.comparableFiles().filter { $0.key.hasSuffix(".csv") }
                .filter { !$0.key.hasSuffix("provenance.csv") }
            for (name, bytes) in unchanged { #expect(files[name] == bytes, "\(name)") }
            #expect(try files.count == before.comparableFiles().count + 2)
            let page = String(decoding: files["sla-2026-10.html"] ?? Data(), as: UTF8.self)
            for words in [
                "<h2 id=\"availability-within-title\">API from within</h2>", "Prober of batch-api",
                "<bdi>p95: 95 of 100 calls were answered within, seconds</bdi></th><td class=\"n\"><bdi></bdi></td>"
                    + "<td class=\"n\"><bdi>0.304</bdi>",
                "its minutes alone are judged", "API and prober apart",
            ] { #expect(page.contains(words), "\(words)") }
            let divided = try await SLARun(settings, october + ["--connections", "3"])
            #expect(try divided.comparableFiles() == files)
            try await expectScript(settings)
            try await expectEach(settings)
        }
    }

    /// The script counts the same without us.
    private func expectScript(_ settings: ConnectionSettings) async throws {
        let script = try await ProgramRun([
            "report", "sla", "--month", "2026-10", "--sql", "--database", Deployment.conninfo(settings),
        ])
        let folder = try ScratchFolder()
        let printed = try Command.run([
            "/usr/bin/psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--file",
            try folder.write(script.output, to: "sla.sql"), "--dbname", Deployment.conninfo(settings),
        ])
        #expect(printed.contains("1|batch-api|44640|300|9|59|5|5|4|3500|190|20|304|304|304\n"), "\(printed)")
        #expect(printed.contains("batch-api|up|failed|"))
    }

    /// In a customer's report they are those of the customer's own month.
    private func expectEach(_ settings: ConnectionSettings) async throws {
        let folder = try ScratchFolder()
        try await ProgramRun.expectingSuccess([
            "accounts", "import", try folder.write(Self.accounts, to: "accounts.csv"), "--database",
            Deployment.conninfo(settings),
        ])
        let each = try await SLARun(settings, ["--month", "2026-10", "--format", "csv", "--all"])
        let files = try each.folder.contents()
        func line(_ slug: String) -> String {
            let file = files["sla-\(slug)-2026-10/availability_within.csv"] ?? Data()
            return String(decoding: file, as: UTF8.self).components(separatedBy: "\r\n").dropFirst().first ?? ""
        }
        // How many calls all customers make is no single one's to know.
        #expect(line("north") == Self.summary.replacing(",3500,190,", with: ",,,"))
        // It begins nine hours earlier, with one call that failed, and ends before the next month's.
        let tokyo = line("tokyo")
        #expect(tokyo.hasPrefix("batch-api,44640,44095,10,301,10,60,5,5,5,,,94.5444,"), "\(tokyo)")
        let alone = try await SLARun(
            settings, ["--month", "2026-10", "--format", "csv", "--account", "tokyo"])
        #expect(try alone.lines("availability_within").last == tokyo)
    }

    @Test func `which target is the API's is not guessed among several, and an only one is it`() async throws {
        try await withEngine { settings in
            try await execute(Self.planted + Self.probes(of: "edge"), in: settings)
            let arguments = ["--month", "2026-10", "--format", "csv", "--no-tasks"]
            let only = try await SLARun(settings, arguments)
            #expect(try only.lines("availability_within")[1].hasPrefix("edge,44640,44635,10,300,9,59,5,5,4,3500,"))
            try await execute(
                "INSERT INTO daybook.probe (target, probed_at, ok) VALUES ('worker', '2026-10-02Z', true)",
                in: settings)
            let several = try await SLARun(settings, arguments)
            #expect(try several.lines("availability_within")[1].hasPrefix(",44640,,,300,9,59,,,,3500,190,94.5714,"))
            #expect(try several.lines("availability_differences").count == 5)
        }
    }
}
