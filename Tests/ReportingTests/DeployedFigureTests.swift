import Foundation
import Postgres
import TestSupport
import Testing

/// Figures of a service whose books are not complete: what is unknown is neither kept nor broken.
@Suite struct DeployedFigureTests {
    private static let october = ["--month", "2026-10", "--format", "csv"]

    /// The row of a promise for everybody.
    private func promise(_ name: String, _ report: SLARun) throws -> String? {
        try report.lines("promises").first { $0.hasPrefix("\(name),,") }
    }

    /// The id of a settled batch of October, the first that a condition holds for.
    private func batch(_ condition: String, in settings: ConnectionSettings) async throws -> String {
        let connection = try await Connection.open(settings)
        let rows = try await connection.run { session in
            try session.query(
                """
                SELECT b.id::text AS id FROM public.batch_jobs AS b
                WHERE b.created_at >= '2026-10-05Z' AND b.created_at < '2026-10-25Z' AND \(condition)
                ORDER BY b.created_at, b.id LIMIT 1
                """)
        }
        await connection.close()
        return try #require(rows.first).text("id")
    }

    @Test func `a later write to a batch that nobody dated moves no figure`() async throws {
        try await withSample { settings in
            try await execute("UPDATE public.batch_jobs SET completed_at = NULL", in: settings)
            let before = try await SLARun(settings, Self.october)
            #expect(try before.lines("exceptions").contains { $0.hasPrefix("settlement_instant_estimated,,,") })
            try await execute("UPDATE public.batch_jobs SET updated_at = '2026-12-24T00:00:00Z'", in: settings)
            #expect(try await SLARun(settings, Self.october).comparableFiles() == before.comparableFiles())
        }
    }

    @Test func `a task without a model is of the profile's default model, and counted`() async throws {
        try await withSample { settings in
            let before = try await SLARun(settings, Self.october)
            try await execute(
                """
                UPDATE public.video_tasks SET model = NULL WHERE id IN (
                    SELECT id FROM public.video_tasks
                    WHERE model = 'sora-2' AND batch_job_id IS NOT NULL AND created_at >= '2026-10-05Z'
                    ORDER BY created_at, id LIMIT 3
                )
                """, in: settings)
            let report = try await SLARun(settings, Self.october)
            for figure in ["completion", "promises", "refund_rates", "trend", "tasks"] {
                #expect(try report.lines(figure) == before.lines(figure), "\(figure)")
            }
            #expect(try report.lines("exceptions").contains("model_missing,,,3"))
        }
    }

    @Test func `whoever broke a promise about money is named with it, once`() async throws {
        try await withSample { settings in
            let id = try await batch("b.settlement_status = 'finalized' AND b.frozen_credits > 0", in: settings)
            try await execute(
                "DELETE FROM public.credit_ledger WHERE ref_type = 'batch_upfront' AND ref_id = '\(id)'", in: settings)
            let lines = try await SLARun(settings, Self.october).lines("exceptions").filter { $0.contains(id) }
            #expect(lines.count == 1)
            #expect(lines.first?.hasPrefix("delivered_unpaid,") == true, "\(lines)")
            #expect(lines.first?.contains("; breaks pay_for_success; breaks financial_safety") == true, "\(lines)")
        }
    }

    @Test func `whoever broke the promise of idempotency is named with it`() async throws {
        try await withSample { settings in
            let id = try await batch("b.frozen_credits > 0 AND b.request_id IS NOT NULL", in: settings)
            // The key came again, and the first of its two batches was frozen again.
            let again = "00000000-0000-4000-8000-000000000001"
            try await execute(
                """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, success_count, failed_count,
                    cost_per_video, frozen_credits, credits_spent, settlement_status, request_id, created_at, updated_at)
                SELECT '\(again)', user_id, 'queued', 1, 0, 0, 10, 0, 0, 'pending', request_id, '2026-10-30Z', '2026-10-30Z'
                FROM public.batch_jobs WHERE id = '\(id)';
                INSERT INTO public.credit_ledger (user_id, type, model, credits_delta, ref_type, ref_id, created_at)
                SELECT user_id, type, model, credits_delta, ref_type, ref_id, created_at FROM public.credit_ledger
                WHERE ref_type = 'batch_upfront' AND ref_id = '\(id)'
                """, in: settings)
            let report = try await SLARun(settings, Self.october)
            let named = try report.lines("exceptions").filter {
                $0.hasPrefix("duplicate_request_id,") || $0.hasPrefix("over_frozen,")
            }
            #expect(named.contains { $0.hasPrefix("over_frozen,") && $0.contains(",\(id),") }, "\(named)")
            #expect(
                named.contains { $0.contains("2 batches have this key: \(id), \(again); breaks idempotency") },
                "\(named)")
            #expect(named.allSatisfy { $0.contains("; breaks idempotency") }, "\(named)")
            // As many are named as are counted.
            let counted = try report.lines("idempotency")[1].components(separatedBy: ",")
            #expect(Int(counted[2]) == named.count && named.count >= 2)
        }
    }

    @Test func `a batch that waits in the queue breaks nothing`() async throws {
        try await withSample { settings in
            let before = try promise("financial_safety", try await SLARun(settings, Self.october))
            try await execute(
                """
                WITH waiting AS (
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, success_count, failed_count,
                        cost_per_video, frozen_credits, credits_spent, settlement_status, created_at, updated_at)
                    SELECT gen_random_uuid(), user_id, 'queued', 1, 0, 0, 10, 0, 0, 'pending', '2026-10-20Z',
                        '2026-10-20Z'
                    FROM public.batch_jobs ORDER BY id LIMIT 1
                    RETURNING id, user_id
                )
                INSERT INTO public.video_tasks
                    (id, user_id, model, prompt, status, batch_job_id, batch_index, created_at)
                SELECT gen_random_uuid(), user_id, 'sora-2', 'a boat', 'pending', id, 0, '2026-10-20Z' FROM waiting
                """, in: settings)
            let report = try await SLARun(settings, Self.october)
            #expect(try promise("financial_safety", report) == before)
            #expect(try !report.lines("exceptions").contains { $0.hasPrefix("freeze_short,") })
            try await execute(
                "UPDATE public.batch_jobs SET status = 'processing' WHERE status = 'queued'", in: settings)
            let begun = try await SLARun(settings, Self.october)
            #expect(try begun.lines("exceptions").contains { $0.hasPrefix("freeze_short,") })
        }
    }

    @Test func `a refund that is not due yet is pending, and no obligation`() async throws {
        try await withSample { settings in
            let id = try await batch("b.settlement_status = 'refunded'", in: settings)
            try await execute(
                """
                DELETE FROM public.credit_ledger WHERE ref_type = 'batch_refund' AND ref_id = '\(id)';
                UPDATE public.video_tasks SET completed_at = '2026-10-27T12:00:00Z' WHERE batch_job_id = '\(id)'
                """, in: settings)
            func report(_ cutoff: String) async throws -> SLARun {
                try await SLARun(settings, Self.october + ["--cutoff", "2026-10-27T12:\(cutoff)Z"])
            }
            let due = try await report("05:00"), over = try await report("05:00.000001")
            let pending = try due.lines("refunds")[1].components(separatedBy: ",")
            let missing = try over.lines("refunds")[1].components(separatedBy: ",")
            #expect(try !due.lines("refund_exceptions").contains { $0.contains(id) })
            #expect(try over.lines("refund_exceptions").contains { $0.contains("\(id),missing,") })
            #expect(Int(pending[9]) == (Int(missing[9]) ?? 0) + 1 && Int(pending[2]) == (Int(missing[2]) ?? 0) - 1)
        }
    }

    @Test func `a delivery of which nothing is recorded neither succeeded nor failed`() async throws {
        try await withSample { settings in
            try await execute(
                "UPDATE public.batch_jobs SET webhook_url = 'https://hooks.example/x', webhook_status = NULL",
                in: settings)
            #expect(
                try promise("webhook_delivery", try await SLARun(settings, Self.october))
                    == "webhook_delivery,,,,0,0,,not applicable")
        }
    }

    @Test func `replays are empty where the log takes a request of a key once`() async throws {
        try await withSample { settings in
            let once = try await SLARun(settings, Self.october).lines("idempotency")[1].components(separatedBy: ",")
            #expect(Int(once[0]) ?? 0 > 0 && once[1].isEmpty, "\(once)")
        }
    }

    @Test func `without enough monitored minutes nothing is attained, drawn or credited`() async throws {
        try await withSample { settings in
            try await execute("DELETE FROM daybook.probe WHERE probed_at >= '2026-10-02Z'", in: settings)
            let report = try await SLARun(settings, ["--month", "2026-10"])
            #expect(
                try report.lines("availability").dropFirst().allSatisfy { $0.hasSuffix(",insufficient data") })
            for line in try report.lines("availability").dropFirst() {
                #expect(line.components(separatedBy: ",")[6].isEmpty, "\(line)")
            }
            for figure in ["promises", "trend"] {
                let rows = try report.lines(figure).filter {
                    $0.hasPrefix("availability,") && $0.hasSuffix("insufficient data")
                }
                #expect(!rows.isEmpty)
                #expect(rows.allSatisfy { $0.hasSuffix(",,insufficient data") }, "\(rows)")
            }
            for line in try report.lines("credits").dropFirst() {
                #expect(Array(line.components(separatedBy: ",")[4...6]) == ["", "", ""], "\(line)")
            }
            #expect(report.run.output.contains("could not be judged for want of data"))
        }
    }

    @Test func `a percentile that is never reached is empty in files and a word on the page`() async throws {
        try await withSample { settings in
            let report = try await SLARun(settings, ["--month", "2026-10"])
            for (name, data) in try report.comparableFiles() where name.hasSuffix(".csv") {
                let cells = String(decoding: data, as: UTF8.self).replacing("\r\n", with: ",")
                    .split(separator: ",")
                #expect(!cells.contains("inf"), "\(name)")
            }
            let page = try String(contentsOfFile: report.folder.file("sla-2026-10.html"), encoding: .utf8)
            #expect(page.contains(">never<") && !page.contains(">inf<"))
            let script = """
                import openpyxl, sys
                sheet = openpyxl.load_workbook(sys.argv[1])['Completion']
                head = [cell.value for cell in sheet[1]]
                columns = [i for i, title in enumerate(head) if title.endswith(' seconds') or title == 'Finite %']
                values = [row[i].value for row in sheet.iter_rows(min_row=2) for i in columns]
                assert len(columns) == 6 and None in values
                assert all(value is None or isinstance(value, (int, float)) for value in values), values
                """
            try await ProgramRun.expectingSuccess(
                ["-c", script, report.folder.file("sla-2026-10.xlsx")], program: TestPython.path)
        }
    }

    @Test func `failures of tasks without a model are listed, and inputs are refused as in the SLA report`()
        async throws
    {
        try await withSample { settings in
            try await execute(
                """
                UPDATE public.video_tasks
                SET model = NULL, failure_type = 'model_error', failure_reason = 'input_moderation'
                WHERE status = 'failed' AND created_at >= '2026-10-01Z' AND created_at < '2026-11-01Z'
                """, in: settings)
            let folder = try ScratchFolder()
            try await withLogin(settings) { login in
                _ = try await ProgramRun.expectingSuccess([
                    "report", "run", "failures", "--param", "month=2026-10", "--quiet", "--output", folder.path,
                    "--format", "csv", "--database", Deployment.conninfo(login),
                ])
            }
            func rows(_ name: String) throws -> [[String]] {
                try String(contentsOfFile: folder.file("failures-2026-10/\(name).csv"), encoding: .utf8)
                    .components(separatedBy: "\r\n").dropFirst().dropLast().map { $0.components(separatedBy: ",") }
            }
            let causes = try rows("by_cause").filter { $0[2] != "late" }, days = try rows("by_day")
            let failed = days.reduce(0) { $0 + (Int($1[3]) ?? 0) }
            #expect(
                causes.allSatisfy {
                    $0[1...4] == ["sora-2", "input_refused", "model_error", "input_moderation"]
                })
            #expect(causes.reduce(0) { $0 + (Int($1[5]) ?? 0) } == failed)
            #expect(failed > 0 && days.allSatisfy { $0[3] == $0[7] && $0[5] == "0" }, "\(days)")
        }
    }
}
