import Foundation
import TestSupport
import Testing

/// What the report says of budgets, and of promises that a month may still keep.
@Suite struct BudgetReportTests {
    @Test func `the budget of October is as it was counted by hand`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--format", "csv"])
            let lines = try report.lines("budget")
            #expect(
                lines[0]
                    == "promise,account,subject,allowed,spent,left,spent_percent,elapsed_percent,burn_rate,state")
            // 44.64 minutes; 5 % of 2,055 and of 200 tasks; nothing of 62 refunds.
            #expect(lines.contains("availability,,batch-api,44,36,8,80.6451,100.0000,0.8064,kept"))
            #expect(lines.contains("completion,,sora-2,102,153,-51,148.9051,100.0000,1.4890,lost"))
            #expect(lines.contains("completion,,veo-flash,10,8,2,80.0000,100.0000,0.8000,kept"))
            #expect(lines.contains("auto_refund,,,0,3,-3,,100.0000,,lost"))
            // Shown, and not promised.
            #expect(lines.contains { $0.hasPrefix("webhook_delivery,,,,") && $0.hasSuffix(",,,100.0000,,") })
            // A row each promise has, and no word of a month that is over but these.
            #expect(try lines.count == report.lines("promises").count)
            let states = Set(lines.dropFirst().map { $0.components(separatedBy: ",")[9] })
            #expect(states.isSubset(of: ["", "kept", "lost", "insufficient data"]), "\(states)")
        }
    }

    @Test func `a month that goes on is never a bare breach`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--cutoff", "2026-10-21T00:00:00Z"])
            let promises = try report.lines("promises").filter { $0.hasPrefix("completion,,") }
            #expect(promises.contains { $0.hasSuffix(",breach") }, "\(promises)")
            let budget = try report.lines("budget").filter { $0.hasPrefix("completion,,") }
            let behind = try #require(budget.first { $0.contains(",recoverable (needs ") }, "\(budget)")
            #expect(behind.hasSuffix(" successes in a row)"))
            #expect(behind.contains(",64.5161,"))

            let page = String(decoding: try report.folder.contents()["sla-2026-10.html"] ?? Data(), as: UTF8.self)
            let state = behind.components(separatedBy: ",")[9]
            #expect(page.contains("<td class=\"v v-open\"><bdi>breach: \(state)</bdi></td>"))
            #expect(page.contains("5 broken (2 lost, 1 at risk, 2 recoverable); account by account, "))
            // What is red is lost, and says so.
            let red = page.components(separatedBy: "class=\"v v-breach\"><bdi>").dropFirst()
            #expect(red.allSatisfy { $0.hasPrefix("breach: lost</bdi>") }, "\(red.map { $0.prefix(40) })")

            let manifest = try JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(fileURLWithPath: try report.csvFolder() + "/manifest.json")))
            let verdicts = try #require((manifest as? [String: Any])?["verdicts"] as? [[String: String]])
            #expect(verdicts.contains { $0["verdict"] == "breach" && $0["state"] == state })
            #expect(!verdicts.contains { $0["verdict"] == "breach" && $0["state"] == "" })
        }
    }

    @Test func `the terminal and the workbook say it as well`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10", "--cutoff", "2026-10-21T00:00:00Z"])
            #expect(report.run.output.contains("breach: recoverable (needs "), "\(report.run.output)")
            #expect(!report.run.output.contains("breach\n"))
            let sheets = try Command.run([
                "/usr/bin/unzip", "-p", report.folder.file("sla-2026-10.xlsx"), "xl/worksheets/*",
            ])
            #expect(sheets.contains("breach: recoverable (needs "))
            #expect(!sheets.contains(">breach<"))
            #expect(sheets.contains(">Burn rate<"))
        }
    }
}
