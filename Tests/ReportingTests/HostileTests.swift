import Foundation
import Postgres
import TestSupport
import Testing

/// Hostile content stays inert in every form of the report.
@Suite struct HostileTests {
    private static let evil =
        "\"\u{301}><\u{338}script>document.title='pwned'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>\u{202E}gnp"
    private static let formula = "=HYPERLINK(\"http://127.0.0.1:9\",\"x\")"

    /// The sample with names, models and causes that would like to be more than text.
    private func hostileReport(_ settings: ConnectionSettings) async throws -> SLARun {
        let connection = try await Connection.open(settings)
        try await connection.run { session in
            _ = try session.execute(
                "UPDATE daybook.account SET name = $1, monthly_fee_usd = 1500 WHERE slug = 'customer0'",
                [.text(Self.evil)])
            _ = try session.execute(
                "UPDATE video_tasks SET model = $1 WHERE batch_job_id = (SELECT id FROM batch_jobs WHERE created_at >= '2026-10-05Z' ORDER BY created_at LIMIT 1)",
                [.text(Self.formula)])
            _ = try session.execute(
                "UPDATE video_tasks SET model = $1 WHERE batch_job_id = (SELECT id FROM batch_jobs WHERE created_at >= '2026-10-05Z' ORDER BY created_at OFFSET 1 LIMIT 1)",
                [.text(Self.evil)])
            _ = try session.execute(
                "UPDATE video_tasks SET failure_type = $1 WHERE id = (SELECT id FROM video_tasks WHERE status = 'failed' AND failure_type = 'unknown' AND created_at BETWEEN '2026-10-02Z' AND '2026-10-30Z' ORDER BY id LIMIT 1)",
                [.text(String(repeating: "@", count: 33_000))])
            _ = try session.execute(
                "INSERT INTO daybook.probe VALUES ($1, '2026-10-02T00:00:00Z', true, 1)", [.text("+cmd|' /C calc'!A0")])
        }
        await connection.close()
        return try await SLARun(settings, ["--month", "2026-10"])
    }

    @Test func `in CSV, and in the exceptions`() async throws {
        try await withSample { settings in
            let report = try await hostileReport(settings)
            #expect(try report.lines("availability").contains { $0.hasPrefix("'+cmd|' /C calc'!A0,") })
            #expect(try report.lines("completion").contains { $0.contains("\"'=HYPERLINK(\"\"http") })
            #expect(
                try report.lines("exceptions").contains { $0.hasPrefix("cell_cut,") && $0.contains("33000 characters") }
            )
            let tasks = try report.lines("tasks").first { $0.contains("@@@") }
            #expect(tasks?.contains("," + "'" + String(repeating: "@", count: 33_000) + ",") == true)
            // Another program's reader sees the same cells.
            let script = """
                import csv, sys
                rows = list(csv.reader(open(sys.argv[1], encoding='utf-8-sig', newline='')))
                assert all(len(row) == len(rows[0]) for row in rows), 'ragged'
                bad = [c for row in rows for c in row if c[:1] in '=+@\\t\\r' and c]
                assert not bad, bad[:3]
                print(len(rows))
                """
            for name in ["tasks", "completion", "promises", "availability", "exceptions"] {
                try await ProgramRun.expectingSuccess(
                    ["-c", script, try report.csvFolder() + "/\(name).csv"], program: TestPython.path)
            }
        }
    }

    @Test func `in the workbook, read by openpyxl and by LibreOffice`() async throws {
        try await withSample { settings in
            let report = try await hostileReport(settings)
            let workbook = report.folder.file("sla-2026-10.xlsx")
            let script = """
                import openpyxl, sys
                book = openpyxl.load_workbook(sys.argv[1])
                cells = [c for sheet in book for row in sheet.iter_rows() for c in row if c.value is not None]
                assert not [c for c in cells if c.data_type == 'f'], 'a formula'
                texts = [c.value for c in cells if isinstance(c.value, str)]
                assert any(t.startswith('=HYPERLINK') for t in texts)
                assert any(t.endswith('[cut]') and len(t) <= 32767 for t in texts)
                print(*book.sheetnames, sep=',')
                for sheet in book:
                    filtered = sheet.auto_filter.ref or all(t.autoFilter for t in sheet.tables.values()) and sheet.tables
                    assert sheet.freeze_panes and filtered and sheet.page_setup.orientation == 'landscape', sheet.title
                assert len(book['Summary']._charts) == 3
                ids = [row[0].value for row in book['Tasks'].iter_rows(min_row=2)]
                assert all(isinstance(i, str) and len(i) == 36 for i in ids)
                print(len(ids))
                """
            let printed = try await ProgramRun.expectingSuccess(["-c", script, workbook], program: TestPython.path)
            #expect(
                printed.hasPrefix(
                    "Summary,Budget,Availability,Completion,Refunds,Refund exceptions,Refund rates,Idempotency,Service credits,Exceptions,Trend,Tasks,Definitions,Provenance\n"
                ))
            try await ProgramRun.expectingSuccess(
                [
                    "-env:UserInstallation=file://\(report.folder.file("profile"))", "--headless", "--convert-to",
                    "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,4", "--outdir",
                    report.folder.file("sheets"), workbook,
                ], program: "/usr/bin/soffice")
            let sheets = try FileManager.default.contentsOfDirectory(atPath: report.folder.file("sheets"))
            let text = try sheets.map {
                try String(contentsOfFile: report.folder.file("sheets/" + $0), encoding: .utf8)
            }.joined()
            #expect(text.contains("=HYPERLINK(\"\"http"), "\(sheets)")
        }
    }

    @Test func `in a browser: no script runs, nothing is asked of the network, nothing is on the console`() async throws
    {
        try await withSample { settings in
            let report = try await hostileReport(settings)
            let page = report.folder.file("sla-2026-10.html")
            let run = try await ProgramRun(
                [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--user-data-dir=\(report.folder.file("browser"))",
                    "--enable-logging=stderr", "--log-level=0", "--log-net-log=\(report.folder.file("net.json"))",
                    "--virtual-time-budget=2000",
                    "--dump-dom", "file://\(page)",
                ], program: "/usr/bin/chromium")
            #expect(run.exitCode == 0)
            #expect(run.output.contains("<title>Service level report, October 2026, all customers</title>"))
            #expect(!run.output.contains("<img") && !run.output.contains("<script"))
            #expect(run.output.contains("&lt;\u{338}script&gt;"))
            #expect(!run.errors.contains("CONSOLE"), "\(run.errors)")
            let net = try String(contentsOfFile: report.folder.file("net.json"), encoding: .utf8)
            #expect(!net.contains("127.0.0.1:9"))
            let html = try String(contentsOfFile: page, encoding: .utf8)
            #expect(!html.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" && $0 != "\t" && $0 != "\r" })
        }
    }
}
