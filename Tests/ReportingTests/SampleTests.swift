import Foundation
import Postgres
import TestSupport
import Testing

/// What is known of the sample deployment, and what must not change it.
@Suite struct SampleTests {
    @Test func `October 2026 of the sample is as it was counted by hand`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--format", "csv"])
            #expect(try report.lines("availability")[1] == "batch-api,44640,44636,46,10,36,99.9193,99.9103,pass")
            let completion = try report.lines("completion")
            #expect(
                completion.contains {
                    $0.hasPrefix(",sora-2,dispatch,2055,1902,") && $0.contains(",92.5547,breach,")
                        && $0.hasSuffix(",139.455,,")
                })
            #expect(
                completion.contains { $0.hasPrefix(",veo-flash,dispatch,200,192,") && $0.contains(",96.0000,pass,") })
            #expect(try report.lines("refunds")[1].hasPrefix(",95,62,59,2,0,1,0,0,0,"))
            let tasks = try report.lines("tasks").dropFirst()
            #expect(tasks.filter { $0.contains(",sora-2,") && $0.contains(",good,") }.count == 1902)
        }
    }

    @Test func `numbers have thousands separators on page and terminal, and never in files`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10"])
            let page = String(decoding: try report.folder.contents()["sla-2026-10.html"] ?? Data(), as: UTF8.self)
            for text in [page, report.run.output] {
                #expect(text.contains("44,604") && text.contains("2,055") && !text.contains("44604"))
            }
            #expect(try report.lines("promises").contains { $0.contains(",44604,44640,") })
            let listed = try await ProgramRun(["availability", "list", "--database", Deployment.conninfo(settings)])
            #expect(listed.output.contains(" 87,864 "), "\(listed.output)")
        }
    }

    @Test func `two runs give the same bytes, and so does the default cutoff given by hand`() async throws {
        try await withSample { settings in
            let first = try await SLARun(settings, ["--month", "2026-10"]).comparableFiles()
            let second = try await SLARun(settings, ["--month", "2026-10"]).comparableFiles()
            // The default cutoff of a month that is over does not know what day it is.
            let third = try await SLARun(settings, ["--month", "2026-10", "--cutoff", "2026-11-02T00:10:00Z"])
                .comparableFiles()
            #expect(first.count == 15)
            #expect(first == second)
            #expect(first == third)
        }
    }

    @Test func `rows in another order, VACUUM FULL and several connections give the same bytes`() async throws {
        try await withSample { settings in
            let before = try await SLARun(settings, ["--month", "2026-10"]).comparableFiles()
            let tables = ["video_tasks", "credit_ledger", "video_external_access_log", "enterprise_api_usage"]
            for table in tables {
                try await execute(
                    """
                    CREATE TEMPORARY TABLE shuffled AS SELECT * FROM public.\(table) ORDER BY md5(id::text);
                    DELETE FROM public.\(table);
                    INSERT INTO public.\(table) OVERRIDING SYSTEM VALUE SELECT * FROM shuffled
                    """, in: settings)
            }
            // Named tables: the catalogues that all databases share would keep every other test waiting.
            try await execute("VACUUM FULL \(tables.map { "public.\($0)" }.joined(separator: ", "))", in: settings)
            #expect(try await SLARun(settings, ["--month", "2026-10"]).comparableFiles() == before)
            let divided = try await SLARun(settings, ["--month", "2026-10", "--connections", "3"])
            #expect(try divided.comparableFiles() == before)
        }
    }

    @Test func `provenance names the digest of every CSV file`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--format", "csv"])
            let folder = try report.csvFolder()
            let figures = try report.lines("provenance").dropFirst().map { $0.components(separatedBy: ",") }.filter {
                !$0[3].isEmpty
            }
            #expect(Set(figures.map { $0[0] }).count == 12)
            for figure in figures {
                let digest = try Command.run(["/usr/bin/sha256sum", "\(folder)/\(figure[0]).csv"]).prefix(64)
                #expect(String(digest) == figure[3])
                let rows = try report.lines(figure[0]).count - 1
                #expect(String(rows) == figure[2])
            }
            for file in try report.lines("provenance").filter({ $0.hasPrefix("sql/") }).map({
                $0.components(separatedBy: ",")
            }) {
                let name = String(file[0].dropFirst(4))
                let path = Deployment.root + (name.hasPrefix("reports/") ? "/" : "/reports/sla/") + name
                #expect(try Command.run(["/usr/bin/sha256sum", path]).hasPrefix(file[1]))
            }
        }
    }

    @Test func `the script for psql counts the same, and a report changes nothing`() async throws {
        try await withSample { settings in
            let dump = ["/usr/bin/pg_dump", "--no-owner", "--dbname", Deployment.conninfo(settings)]
            // pg_dump prints a random token since its security release of 2025.
            func withoutToken(_ text: String) -> String {
                text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains("restrict ") }
                    .joined(separator: "\n")
            }
            let before = withoutToken(try Command.run(dump))
            let script = try await ProgramRun([
                "report", "sla", "--month", "2026-10", "--sql", "--database", Deployment.conninfo(settings),
            ])
            #expect(script.exitCode == 0)
            let folder = try ScratchFolder()
            let file = try folder.write(script.output, to: "sla.sql")
            let printed = try Command.run([
                "/usr/bin/psql", "--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--file",
                file,
                "--dbname", Deployment.conninfo(settings),
            ])
            #expect(printed.contains("1|batch-api|44640|44636|46|10"))
            _ = try await SLARun(settings, ["--month", "2026-10"])
            #expect(withoutToken(try Command.run(dump)) == before)
        }
    }
}
