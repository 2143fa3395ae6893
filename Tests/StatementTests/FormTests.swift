import Foundation
import Postgres
import TestSupport
import Testing

/// Every row of a statement says whose it is and of which month; what was closed before keeps its form.
@Suite struct FormTests {
    private static let name = "statement-customer5-2026-10"
    private static let october = ["--month", "2026-10", "--account", "customer5"]

    @Test func `every row of every table begins with account and month, sheets and pages do not`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, Self.october)
            for table in ["summary", "entries", "usage", "batches", "open_batches", "differences"] {
                let records = try run.wholeRecords(Self.name, table)
                #expect(Array(records[0].prefix(2)) == ["account", "month"], "\(table)")
                #expect(records.dropFirst().allSatisfy { $0.starts(with: ["customer5", "2026-10"]) }, "\(table)")
            }
            let page = String(decoding: try run.folder.contents()[Self.name + ".html"] ?? Data(), as: UTF8.self)
            #expect(!page.contains(">Account<"))
            let sheets = try Command.run([
                "/usr/bin/unzip", "-p", run.folder.file(Self.name + ".xlsx"), "xl/worksheets/*",
            ])
            #expect(sheets.contains(">Batch id<") && !sheets.contains(">Account<"))
        }
    }

    @Test func `a month that was closed in the former form keeps its bytes, and still verifies`() async throws {
        try await withSample { settings in
            #expect(try await closing(settings, ["2026-10", "--account", "customer5", "--quiet"]).exitCode == 0)
            try await FormerForm.keep("customer5", settings)
            let run = try await StatementRuns(settings, Self.october)
            let summary = try run.wholeRecords(Self.name, "summary")
            #expect(summary[0] == ["line", "credits"])
            #expect(try run.wholeRecords(Self.name, "entries")[0][0] == "entry_id")
            let check = try await ProgramRun(["report", "check", run.folder.file(Self.name)])
            #expect(check.exitCode == 0 && check.output.contains("and adds up"), "\(check.errors)")
            // Nothing has changed since it was closed, although today's rows would begin otherwise.
            let changes = try await daybook(settings, ["close", "diff", "2026-10"])
            #expect(changes.exitCode == 0, "\(changes.output)")
            #expect(try await daybook(settings, ["close", "list"]).exitCode == 0)
            // What is stated next is chained to it, and has today's form.
            let next = try await StatementRuns(settings, ["--month", "2026-11", "--account", "customer5"])
            #expect(try next.summary("statement-customer5-2026-11")["opening_balance"] == closingBalance(summary))
        }
    }

    @Test func `a month that is opened again and closed again has today's form`() async throws {
        try await withSample { settings in
            let five = ["--account", "customer5"]
            #expect(try await closing(settings, ["2026-10", "--quiet"] + five).exitCode == 0)
            try await FormerForm.keep("customer5", settings)
            let opened = try await daybook(settings, ["close", "reopen", "2026-10", "--reason", "form"] + five)
            #expect(opened.exitCode == 0, "\(opened.errors)")
            #expect(try await closing(settings, ["2026-10", "--quiet"] + five).exitCode == 0)
            let run = try await StatementRuns(settings, Self.october)
            #expect(try run.records(Self.name, "summary")[0] == ["line", "credits"])
            #expect(try await daybook(settings, ["close", "diff", "2026-10"]).exitCode == 0)
        }
    }

    @Test func `a change of a month that was closed in the former form is found`() async throws {
        try await withSample { settings in
            #expect(try await closing(settings, ["2026-10", "--account", "customer5", "--quiet"]).exitCode == 0)
            try await FormerForm.keep("customer5", settings)
            try await execute(
                """
                UPDATE public.batch_jobs SET request_id = 'another' WHERE id = (
                    SELECT b.id FROM public.batch_jobs AS b JOIN daybook.account AS a ON a.user_id = b.user_id
                    WHERE a.slug = 'customer5' AND b.completed_at >= '2026-10-10Z' AND b.completed_at < '2026-10-20Z'
                    ORDER BY b.completed_at, b.id LIMIT 1)
                """, in: settings)
            let changes = try await daybook(settings, ["close", "diff", "2026-10"])
            #expect(changes.exitCode == 2 && changes.output.contains("batches"), "\(changes.output)")
        }
    }

    private func closingBalance(_ summary: [[String]]) -> Int64? {
        summary.first { $0[0] == "closing_balance" }.flatMap { Int64($0[1]) }
    }
}
