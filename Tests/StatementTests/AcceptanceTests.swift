import Foundation
import Postgres
import TestSupport
import Testing

/// What is not whole neither goes out nor is closed, unless somebody accepts what it differs by.
@Suite struct AcceptanceTests {
    private static let mail = ["--email", "--from", "finance@example.org"]

    private static func lines(_ sql: String, _ settings: ConnectionSettings) async throws -> [String] {
        let connection = try await Connection.open(settings)
        let lines = try await connection.transaction { session in
            try session.query("SELECT t::text AS line FROM (\(sql)) AS t").map { try $0.text("line") }
        }
        await connection.close()
        return lines
    }

    private static func send(
        _ settings: ConnectionSettings, _ folder: ScratchFolder, _ more: [String]
    ) async throws
        -> ProgramRun
    {
        try await daybook(
            settings,
            ["report", "statement", "--quiet", "--month", "2026-10", "--output", folder.path] + mail + more)
    }

    @Test func `statements that are not whole stay behind, are named, and the others go`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let run = try await Self.send(settings, folder, ["--all"])
            #expect(run.exitCode == 2, "\(run.errors)")
            #expect(run.output.contains("not sent: it is not whole (unexplained 777)"), "\(run.output)")
            let sent = try FileManager.default.contentsOfDirectory(atPath: folder.file("outbox"))
            #expect(sent.count == 8 && !sent.contains("statement-customer5-2026-10.eml"), "\(sent)")
            #expect(try await Self.lines("SELECT FROM daybook.statement_delivery", settings).count == 8)
        }
    }

    @Test func `what is accepted goes out, stands in the manifest, and holds until the amount changes`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let account = ["--account", "customer5"]
            let accepted = try await Self.send(
                settings, folder, account + ["--accept", "customer5", "--reason", "gift of 2024, ticket 12"])
            #expect(accepted.exitCode == 0 && accepted.output.contains("handed over"), "\(accepted.errors)")
            let manifest = try #require(
                FileManager.default.contents(atPath: folder.file("statement-customer5-2026-10/manifest.json")))
            let document = try JSONSerialization.jsonObject(with: manifest) as? [String: Any]
            let entry = (document?["accepted"] as? [[String: Any]])?.first
            #expect(entry?["line"] as? String == "unexplained" && entry?["credits"] as? Int == 777)
            #expect(entry?["reason"] as? String == "gift of 2024, ticket 12")
            #expect((entry?["accepted_by"] as? String)?.isEmpty == false)
            // Another month, the same difference: it stands until it is mended.
            let earlier = try await daybook(settings, ["close", "month", "2026-09", "--quiet"] + account)
            #expect(earlier.exitCode == 0 && earlier.output.contains("accepted"), "\(earlier.errors)")
            try await execute(
                "UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 1 WHERE user_id = "
                    + "(SELECT user_id FROM daybook.account WHERE slug = 'customer5')", in: settings)
            let changed = try await daybook(settings, ["close", "month", "2026-10", "--quiet"] + account)
            #expect(changed.exitCode == 2, "\(changed.errors)")
            #expect(changed.errors.contains("not closed: customer5 is not whole: unexplained 778"), "\(changed.errors)")
            #expect(try await Self.lines("SELECT FROM daybook.month_close", settings).count == 1)
        }
    }

    @Test func `unreconciled is accepted by the month`() async throws {
        try await withSample { settings in
            try await execute(
                """
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, created_at)
                SELECT user_id, 'refund', 5, 'batch_refund', gen_random_uuid()::text, m.at
                FROM daybook.account, (VALUES ('2026-08-10T12:00Z'::timestamptz), ('2026-09-10T12:00Z')) AS m (at)
                WHERE slug = 'customer2';
                UPDATE public.credit_wallet SET permanent_credits = permanent_credits + 10
                WHERE user_id = (SELECT user_id FROM daybook.account WHERE slug = 'customer2')
                """, in: settings)
            func close(_ month: String, _ more: [String] = []) async throws -> ProgramRun {
                try await daybook(settings, ["close", "month", month, "--quiet", "--account", "customer2"] + more)
            }
            let accept = ["--accept", "customer2", "--reason", "booked twice, ticket 7"]
            #expect(try await close("2026-08").exitCode == 2)
            #expect(try await close("2026-08", accept).exitCode == 0)
            let next = try await close("2026-09")
            #expect(next.exitCode == 2 && next.errors.contains("unreconciled -5"), "\(next.errors)")
            #expect(try await close("2026-09", accept).exitCode == 0)
        }
    }

    @Test func `closing leaves out what is not whole, and an account with a gap keeps nobody from closing`()
        async throws
    {
        try await withSample { settings in
            let first = try await daybook(settings, ["close", "month", "2026-08", "--quiet"])
            #expect(
                first.exitCode == 2 && first.errors.contains("not closed: customer5 is not whole"), "\(first.errors)")
            let left = first.errors.matches(of: /not closed: ([a-z0-9]+) is not whole/).count
            #expect(left > 0)
            #expect(try await Self.lines("SELECT FROM daybook.month_close", settings).count == 12 - left)
            let alone = ["close", "month", "2026-09", "--account", "customer1", "--quiet"]
            #expect(try await daybook(settings, alone).exitCode == 0)
            let third = try await daybook(settings, ["close", "month", "2026-10", "--quiet"])
            #expect(third.exitCode == 2)
            #expect(third.errors.contains("not closed: customer2 has closed 2026-08 last"), "\(third.errors)")
            #expect(
                try await Self.lines("SELECT FROM daybook.month_close WHERE month = '2026-10-01'", settings).count == 1)
        }
    }

    @Test func `several are accepted at once, and a slug that is nobody's is refused`() async throws {
        try await withSample { settings in
            let first = try await daybook(settings, ["close", "month", "2026-10", "--quiet"])
            let left = first.errors.matches(of: /not closed: ([a-z0-9]+) is not whole/).map { String($0.1) }
            #expect(left.count == 4, "\(first.errors)")
            let unknown = try await daybook(
                settings, ["close", "month", "2026-10", "--accept", left[0], "--accept", "nobody", "--reason", "x"])
            #expect(unknown.exitCode == 64 && unknown.errors.contains("nobody"), "\(unknown.errors)")
            #expect(try await Self.lines("SELECT FROM daybook.statement_acceptance", settings).isEmpty)
            #expect(try await closing(settings, ["2026-10", "--quiet"]).exitCode == 0)
            #expect(try await Self.lines("SELECT FROM daybook.month_close", settings).count == 12)
        }
    }

    @Test func `nothing is accepted of a statement that is whole, or without a reason`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let whole = try await Self.send(
                settings, folder, ["--account", "customer2", "--accept", "customer2", "--reason", "x"])
            #expect(whole.exitCode == 64 && whole.errors.contains("is whole: there is nothing to accept"))
            let silent = try await Self.send(settings, folder, ["--all", "--accept", "customer5"])
            #expect(silent.exitCode == 64 && silent.errors.contains("--accept and --reason go together"))
            #expect(try await Self.lines("SELECT FROM daybook.statement_acceptance", settings).isEmpty)
        }
    }

    @Test func `a dry run lists recipient, amount, and whether it is whole, and writes nothing`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            let run = try await Self.send(settings, folder, ["--all", "--dry-run"])
            #expect(run.exitCode == 2, "\(run.errors)")
            let line = run.output.split(separator: "\n").first { $0.hasPrefix("customer2 ") } ?? ""
            #expect(line.contains("billing2@customer2.example") && line.contains("yes"), "\(run.output)")
            #expect(line.contains("would be handed over"), "\(run.output)")
            #expect(run.output.contains("no: unexplained 777"), "\(run.output)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
            #expect(try await Self.lines("SELECT FROM daybook.statement_delivery", settings).isEmpty)
        }
    }

    @Test func `the last month is the one before that of the database's clock`() async throws {
        try await withSample { settings in
            let last = try await Self.lines(
                "SELECT to_char((now() AT TIME ZONE 'UTC') - interval '1 month', 'YYYY-MM')", settings)[0]
            let month = last.filter { $0 != "(" && $0 != ")" }
            let folder = try ScratchFolder()
            let options = ["--month", "last", "--quiet", "--format", "csv", "--output", folder.path]
            for report in [["statement", "--account", "customer2"], ["sla", "--no-tasks"]] {
                let run = try await daybook(settings, ["report"] + report + options)
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            let written = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
            #expect(written == ["sla-\(month)", "statement-customer2-\(month)"])
        }
    }

    @Test func `the workbook says what the page says`() async throws {
        try await withSample { settings in
            let run = try await StatementRuns(settings, ["--month", "2026-10", "--account", "customer5"])
            let script = """
                import openpyxl, sys
                sheet = openpyxl.load_workbook(sys.argv[1])['Summary']
                for row in sheet.iter_rows():
                    cell = row[3] if row[0].value and str(row[0].value).startswith('Unexplained') else None
                    if cell is not None: print(cell.value, cell.font.color.rgb, cell.font.b)
                    if row[0].value and str(row[0].value).startswith('Not whole'): print(row[0].value)
                """
            let read = try await ProgramRun.expectingSuccess(
                ["-c", script, run.folder.file("statement-customer5-2026-10.xlsx")], program: TestPython.path)
            #expect(read.contains("777 FFA8201A True") && read.contains("Not whole: 777 unexplained"), "\(read)")
            let page = try String(
                contentsOfFile: run.folder.file("statement-customer5-2026-10.html"), encoding: .utf8)
            #expect(page.contains("Not whole: 777 unexplained"))
        }
    }
}
