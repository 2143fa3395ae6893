import Foundation
import TestSupport
import Testing

/// A sheet of a custom report has one chart by a line in its manifest, on the page and in the workbook.
@Suite struct ReportChartTests {
    private static let sql = """
        SELECT d::date AS day, extract(day FROM d)::bigint * 3 AS made,
            CASE WHEN extract(day FROM d) <> 4 THEN extract(day FROM d) / 4 END AS share
        FROM generate_series(timestamptz '2026-10-01Z', timestamptz '2026-10-10Z', interval '1 day') AS d ORDER BY d
        """

    private func report(_ chart: String) throws -> ScratchFolder {
        let folder = try ScratchFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("ours/drawn"), withIntermediateDirectories: true)
        _ = try folder.write(
            "{\"title\": \"Drawn\", \"sheets\": [{\"title\": \"Days\", \"query\": \"days\", \"chart\": \(chart)}]}",
            to: "ours/drawn/report.json")
        _ = try folder.write(Self.sql, to: "ours/drawn/days.sql")
        return folder
    }

    @Test func `its lines are on the page with a title, and in the workbook beside the rows`() async throws {
        try await withDatabase { settings in
            try await withLogin(settings) { reader in
                let folder = try report(#"{"categories": "day", "values": ["made", "share"]}"#)
                let run = try await ProgramRun([
                    "report", "run", "drawn", "--reports", folder.file("ours"), "--output", folder.file("out"),
                    "--quiet", "--database", Deployment.conninfo(reader),
                ])
                #expect(run.exitCode == 0, "\(run.errors)")
                let page = try String(contentsOfFile: folder.file("out/drawn.html"), encoding: .utf8)
                #expect(page.contains(">Made, Share by day</title>") && page.contains("10 rows, from 2026-10-01 to"))
                let paths = page.matches(of: /<path d="([^"]+)"\/>/).map { String($0.1) }
                // Ten points; the second line has a gap where the fourth row has no number.
                #expect(paths.map { $0.filter("ML".contains) } == ["MLLLLLLLLL", "MLLMLLLLL"], "\(paths)")
                // 3 of 0 to 30 at the left end, 30 at the right end and the top.
                #expect(paths[0].hasPrefix("M70.0 149.0 ") && paths[0].hasSuffix("L698.0 14.0"), "\(paths[0])")
                let chart = try Command.run([
                    "/usr/bin/unzip", "-p", folder.file("out/drawn.xlsx"), "xl/charts/chart1.xml",
                ])
                #expect(chart.contains("Days!$B$2:$B$11") || chart.contains("'Days'!$B$2:$B$11"), "\(chart)")
            }
        }
    }

    @Test func `one that the query does not give, or that holds no numbers, is refused`() async throws {
        try await withDatabase { settings in
            try await withLogin(settings) { reader in
                for (chart, why) in [
                    (#"{"categories": "day", "values": ["lost"]}"#, "gives no column lost"),
                    (#"{"categories": "made", "values": ["day"]}"#, "holds no numbers"),
                    (#"{"categories": "day", "values": []}"#, "has 1 to 6 values"),
                    (#"{"categories": "day", "values": ["made"], "colour": "red"}"#, "there is no key \"colour\""),
                ] {
                    let folder = try report(chart)
                    let run = try await ProgramRun([
                        "report", "run", "drawn", "--reports", folder.file("ours"), "--output", folder.file("out"),
                        "--quiet", "--database", Deployment.conninfo(reader),
                    ])
                    #expect(run.exitCode == 78 && run.errors.contains(why), "\(chart): \(run.errors)")
                }
            }
        }
    }
}
