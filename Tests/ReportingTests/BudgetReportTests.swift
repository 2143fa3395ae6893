import Foundation
import Postgres
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

    /// Has customer5 be promised 99 % from October on, and moves half of its tasks into the first hours of UTC's
    /// October, which are of its September.
    private func promiseMore(_ settings: ConnectionSettings) async throws {
        let folder = try ScratchFolder()
        let standard = try String(
            contentsOfFile: Deployment.root + "/reports/sla/standard-profile.json", encoding: .utf8)
        let strict = standard.replacing("\"standard\"", with: "\"strict\"").replacing(
            "\"sora-2\": { \"target_percent\": \"95\"", with: "\"sora-2\": { \"target_percent\": \"99\"")
        try await ProgramRun.expectingSuccess([
            "profiles", "import", try folder.write(strict, to: "strict.json"), "--database",
            Deployment.conninfo(settings),
        ])
        try await execute(
            """
            SET session_replication_role = replica;
            INSERT INTO daybook.account_terms
                (user_id, from_month, plan, currency, time_zone, monthly_fee_usd, contract_profile)
            SELECT t.user_id, '2026-10-01', t.plan, t.currency, t.time_zone, t.monthly_fee_usd, 'strict'
            FROM daybook.account_terms AS t JOIN daybook.account AS a ON a.user_id = t.user_id
            WHERE a.slug = 'customer5';
            UPDATE public.video_tasks AS t SET created_at = n.at,
                completed_at = n.at + (t.completed_at - t.created_at), updated_at = n.at + (t.updated_at - t.created_at)
            FROM (
                SELECT t.id,
                    timestamptz '2026-10-01T00:00:00Z' + row_number() OVER (ORDER BY t.id) * interval '1 minute' AS at
                FROM public.video_tasks AS t JOIN daybook.account AS a ON a.user_id = t.user_id
                WHERE a.slug = 'customer5' AND t.created_at >= '2026-10-02Z' AND t.created_at < '2026-10-31Z'
                    AND t.id::text < '8'
            ) AS n WHERE n.id = t.id
            """, in: settings)
    }

    @Test func `a target that changed within the report's month is allowed for version by version`() async throws {
        try await withSample { settings in
            try await promiseMore(settings)
            let report = try await SLARun(settings, ["--month", "2026-10", "--format", "csv"])
            // Counted from the drill-down: 5 of a hundred under the old target, 1 under the new one.
            let header = try report.lines("tasks")[0].components(separatedBy: ",")
            func place(_ name: String) throws -> Int { try #require(header.firstIndex(of: name)) }
            let (account, model, began, outcome) = (
                try place("account"), try place("model"), try place("accepted_at"), try place("class")
            )
            let bad: Set = ["late", "failed", "timed_out", "cancelled_late", "in_flight_over"]
            var (hundredths, valid, spent, old): (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
            for line in try report.lines("tasks").dropFirst() {
                let cells = line.components(separatedBy: ",")
                guard cells[account] == "customer5", cells[model] == "sora-2" else { continue }
                guard cells[outcome] == "good" || bad.contains(cells[outcome]) else { continue }
                // In Los Angeles October begins at seven by UTC.
                let isOld = cells[began] < "2026-10-01T07:00:00"
                hundredths += isOld ? 5 : 1
                valid += 1
                old += isOld ? 1 : 0
                spent += bad.contains(cells[outcome]) ? 1 : 0
            }
            #expect(old > 20 && valid - old > 20, "\(old) of \(valid)")
            let row = try #require(
                report.lines("budget").first { $0.hasPrefix("completion,customer5,sora-2,") }
            ).components(separatedBy: ",")
            let allowed = hundredths / 100
            #expect(row[3...5] == ["\(allowed)", "\(spent)", "\(allowed - spent)"], "\(row)")
            // Neither what the old target allows of all of them, nor the new one.
            #expect(allowed != valid * 5 / 100 && allowed != valid / 100)
            let percent = spent * 100 * 10_000 * 100 / hundredths
            #expect(row[6] == "\(percent / 10_000).\(String(percent % 10_000 + 10_000).suffix(4))", "\(row)")
            let isKept = spent * 100 <= hundredths
            #expect(row[9] == (isKept ? "kept" : "lost"))
            for (table, column) in [("promises", 7), ("completion", 13)] {
                let lines = try report.lines(table).filter { $0.contains("customer5,sora-2,") }
                let judged = try #require(lines.first { !$0.contains(",accept,") }).components(separatedBy: ",")
                #expect(judged[column] == (isKept ? "pass" : "breach"), "\(judged)")
            }
            // Its own report has its own month, and one target.
            let own = try await SLARun(
                settings, ["--month", "2026-10", "--account", "customer5", "--format", "csv", "--no-tasks"])
            let alone = try #require(
                own.lines("promises").first { $0.hasPrefix("completion,customer5,sora-2,99.0000,") })
            let ownValid = try #require(Int64(alone.components(separatedBy: ",")[5]))
            let ownRow = try #require(own.lines("budget").first { $0.hasPrefix("completion,customer5,sora-2,") })
            #expect(ownRow.components(separatedBy: ",")[3] == "\(ownValid / 100)", "\(ownRow)")
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
