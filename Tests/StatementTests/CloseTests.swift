import Documents
import Domain
import Foundation
import Ledger
import Postgres
import TestSupport
import Testing

/// Closing months: what was sent stays what it was.
@Suite struct CloseTests {
    private static let five = "1200339d-0687-49fa-9d1d-e2a05d158a2f"

    private static func insert(_ credits: Int, at instant: String) -> String {
        """
        INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, meta, created_at)
        VALUES ('\(five)', 'adjust', \(credits), 'goodwill', 'x', '{"bucket": "permanent"}', '\(instant)')
        """
    }

    private static func close(_ month: String, _ settings: ConnectionSettings) async throws {
        let run = try await closing(settings, [month, "--account", "customer5", "--quiet"])
        #expect(run.exitCode == 0, "\(run.errors)")
    }

    @Test func `what was closed is read a few times, however many accounts close a month`() async throws {
        try await withSample { settings in
            let statements = StatementReport.Settings(
                definitionFolder: Deployment.root + "/reports",
                templates: try TemplateSet(folders: [Deployment.root + "/templates"]), output: ".",
                formats: ReportFormat.standard, key: nil, issuer: "", programVersion: "test")
            let connection = try await Connection.open(settings)
            // As a server has looked at it while nothing was closed: then it is quicker to read all of it.
            try await execute("ANALYZE daybook.month_close", in: settings)
            guard let month = Month("2026-06") else { throw TestSupportError("2026-06 is no month") }
            let closing = MonthClosing(StatementRequest(month: month, account: nil), settings: statements)
            let readings = try await TableReadings(connection) { connection in
                let outcome = try await closing.run(connection)
                #expect(outcome.closed.count > 5)
            }
            await connection.close()
            // Once for each of its nine files, which looks its own close up, and for the head.
            let passes = readings.passes(over: "daybook.month_close")
            #expect((1...12).contains(passes), "\(passes)")
        }
    }

    @Test func `a closed month stays the same bytes after late rows and after a redaction`() async throws {
        try await withSample { settings in
            try await Self.close("2026-10", settings)
            let arguments = ["--month", "2026-10", "--account", "customer5"]
            let before = try await StatementRuns(settings, arguments).folder.contents()
            #expect(before.count == 10)
            try await execute(Self.insert(5, at: "2026-10-11T00:00:00Z"), in: settings)
            try await execute(
                "UPDATE public.video_tasks SET prompt = '', video_url = NULL, updated_at = now() WHERE user_id = '\(Self.five)'",
                in: settings)
            let after = try await StatementRuns(settings, arguments).folder.contents()
            #expect(after == before)
            let difference = try await daybook(settings, ["close", "diff", "2026-10"])
            #expect(difference.exitCode == 2)
            #expect(difference.output.contains("late_entry") && !difference.output.contains("changed_table"))
        }
    }

    @Test func `a late row stands in the next statement with both dates, and the months still tile`() async throws {
        try await withSample { settings in
            try await Self.close("2026-10", settings)
            try await execute(Self.insert(-30, at: "2026-08-02T12:00:00Z"), in: settings)
            let next = try await StatementRuns(
                settings, ["--month", "2026-11", "--account", "customer5", "--format", "csv"])
            let summary = try next.summary("statement-customer5-2026-11")
            #expect(summary["opening_balance"] == 1_814_310)
            #expect(summary["adjustments"] == -30)
            let first = try #require(try next.records("statement-customer5-2026-11", "entries").dropFirst().first)
            #expect(first[1] == "2026-08-02T05:00:00.000000-07:00" && first[6] == "1814280")
            #expect(
                first[9].hasPrefix("Late entry, dated 2026-08-02T05:00:00.000000-07:00, booked 2026-11-01T00:00:00"))
        }
    }

    @Test func `a row older than every closed month stands once, after the closed ones, and all months tile`()
        async throws
    {
        try await withSample { settings in
            for month in ["2026-08", "2026-09", "2026-10"] { try await Self.close(month, settings) }
            try await execute(Self.insert(-7, at: "2026-05-20T12:00:00Z"), in: settings)
            var closing: Int64?
            var found: [String] = []
            for number in 4...11 {
                let month = "2026-\(number < 10 ? "0" : "")\(number)"
                let run = try await StatementRuns(
                    settings, ["--month", month, "--account", "customer5", "--format", "csv"])
                let name = "statement-customer5-\(month)"
                let summary = try run.summary(name)
                if let closing { #expect(summary["opening_balance"] == closing, "\(month)") }
                closing = summary["closing_balance"]
                // A closed month stays as it was closed, before the row that no wallet knows of.
                let unexplained: Int64 = (8...10).contains(number) ? 777 : 784
                #expect(summary["unexplained"] == unexplained, "\(month)")
                let entries = try run.records(name, "entries").dropFirst()
                found += entries.filter { $0[2] == "adjust" && $0[5] == "-7" }.map { _ in month }
            }
            #expect(found == ["2026-11"])
        }
    }

    @Test func `closing the months before changes no figure of a month`() async throws {
        try await withSample { settings in
            let arguments = ["--month", "2026-10", "--all", "--format", "csv"]
            let before = try await StatementRuns(settings, arguments).folder.contents()
            for month in ["2026-07", "2026-08", "2026-09"] {
                let run = try await closing(settings, [month, "--quiet"])
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            let after = try await StatementRuns(settings, arguments).folder.contents()
            #expect(before.count > 60)
            for (name, content) in before where !name.hasSuffix("manifest.json") && !name.contains("provenance") {
                #expect(after[name] == content, "\(name)")
            }
        }
    }

    @Test func `late purchases, freezes and refunds count once, and their credit costs what it cost`() async throws {
        try await withSample { settings in
            let before = try await StatementRuns(settings, ["--month", "2026-10", "--all", "--format", "csv"])
            for month in ["2026-08", "2026-09"] {
                let run = try await closing(settings, [month, "--quiet"])
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            // For every account: a purchase without a price, and a freeze and a refund of its own batches of October.
            try await execute(
                """
                INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id, meta, created_at)
                SELECT a.user_id, t.type, t.credits, t.ref_type,
                    CASE t.type WHEN 'purchase' THEN 'late' ELSE (
                        SELECT b.id::text FROM public.batch_jobs AS b WHERE b.user_id = a.user_id
                            AND b.created_at >= '2026-10-05' ORDER BY b.created_at, b.id LIMIT 1) END,
                    '{"bucket": "permanent"}', '2026-08-15T12:00:00Z'::timestamptz + t.seconds * interval '1 second'
                FROM daybook.account AS a
                CROSS JOIN (VALUES ('purchase', 1000, 'stripe_payment', 1), ('spend', -70, 'batch_upfront', 2),
                    ('refund', 30, 'batch_refund', 3)) AS t (type, credits, ref_type, seconds)
                """, in: settings)
            let now = try await StatementRuns(settings, ["--month", "2026-10", "--all", "--format", "csv"])
            var accounts = 0
            let files = try before.folder.contents().keys
            let statements = files.filter { $0.hasPrefix("statement-") }
            for name in Set(statements.compactMap { $0.split(separator: "/").first.map(String.init) }) {
                let was = try before.summary(name)
                let has = try now.summary(name)
                #expect(has["opening_balance"] == was["opening_balance"], "\(name)")
                #expect(has["purchases"] == (was["purchases"] ?? 0) + 1000, "\(name)")
                #expect(has["spent"] == (was["spent"] ?? 0) - 70, "\(name)")
                #expect(has["refunds"] == (was["refunds"] ?? 0) + 30, "\(name)")
                let entries = try now.records(name, "entries").dropFirst()
                #expect(entries.filter { $0[9].hasPrefix("Late entry") }.count == 3, "\(name)")
                #expect(try now.records(name, "entries").count == before.records(name, "entries").count + 3, "\(name)")
                accounts += 1
            }
            #expect(accounts == 12)
        }
    }

    @Test func `what changed since it was closed is told: rows that went, changed, and figures that follow`()
        async throws
    {
        try await withSample { settings in
            try await Self.close("2026-10", settings)
            let quiet = try await daybook(settings, ["close", "diff", "2026-10"])
            #expect(quiet.exitCode == 0 && quiet.output.hasPrefix("Nothing has changed"), "\(quiet.errors)")
            try await execute(
                """
                DELETE FROM public.credit_ledger WHERE id = 9007199254741385;
                UPDATE public.credit_ledger SET credits_delta = -221 WHERE id = 9007199254741404
                """, in: settings)
            let difference = try await daybook(settings, ["close", "diff", "2026-10"])
            #expect(difference.exitCode == 2)
            for word in ["missing_entry", "changed_entry", "9007199254741385", "-221", "changed_table"] {
                #expect(difference.output.contains(word), "\(word)")
            }
        }
    }

    @Test func `months close in order, open latest first with a reason, and the chain shows a forgery`() async throws {
        try await withSample { settings in
            try await Self.close("2026-09", settings)
            func refused(_ arguments: [String], _ words: String) async throws {
                let run = try await daybook(settings, ["close"] + arguments + ["--account", "customer5"])
                #expect(run.exitCode == 64 && run.errors.contains(words), "\(arguments): \(run.errors)")
            }
            try await refused(["month", "2026-09"], "closed already")
            try await refused(["month", "2026-11"], "not over")
            try await refused(["month", "2026-08"], "later month")
            try await Self.close("2026-10", settings)
            try await refused(["reopen", "2026-09", "--reason", "x"], "open that one first")
            try await refused(["reopen", "2026-10", "--reason", "  "], "why")
            let opened = try await daybook(
                settings, ["close", "reopen", "2026-10", "--account", "customer5", "--reason", "wrong rate"])
            #expect(opened.exitCode == 0, "\(opened.errors)")
            try await Self.close("2026-10", settings)
            let list = try await daybook(settings, ["close", "list"])
            #expect(list.exitCode == 0 && list.output.contains("wrong rate"), "\(list.errors)")
            #expect(list.output.split(separator: "\n").filter { $0.hasPrefix("customer5") }.count == 3)
            try await execute(
                "UPDATE daybook.month_close SET closing_balance = closing_balance + 1 WHERE month = '2026-09-01'",
                in: settings)
            let forged = try await daybook(settings, ["close", "list"])
            #expect(forged.exitCode == 2 && forged.output.contains("broken"))
        }
    }

    @Test func `the chain of two months links them, and the next opens where the last closed`() async throws {
        try await withSample { settings in
            for month in ["2026-09", "2026-10"] { try await Self.close(month, settings) }
            let connection = try await Connection.open(settings)
            let rows = try await connection.run { session in
                try session.query(
                    "SELECT previous_hash, hash, opening_balance, closing_balance FROM daybook.month_close ORDER BY month"
                )
            }
            await connection.close()
            #expect(try rows[0].text("previous_hash").isEmpty)
            #expect(try rows[1].text("previous_hash") == rows[0].text("hash"))
            #expect(try rows[1].int("opening_balance") == rows[0].int("closing_balance"))
        }
    }
}
