import Foundation
import Postgres
import TestSupport
import Testing

/// Every CSV file and every sheet, read by the programs that people read them with: a column has the same type in every
/// month, nothing is null that is not empty, and no text stands among numbers.
@Suite struct ReaderTests {
    /// `DAYBOOK_MONTHS=all` reads the sample's seven, with everybody's statements.
    private static let isWhole = ProcessInfo.processInfo.environment["DAYBOOK_MONTHS"] == "all"
    private static let months = isWhole ? (4...10).map { String(format: "2026-%02d", $0) } : ["2026-04", "2026-10"]

    @Test func `DuckDB, polars, pandas, pyarrow, sqlite-utils, csvkit and LibreOffice read what we write`() async throws
    {
        try await withSample { settings in
            let scratch = try ScratchFolder()
            for month in Self.months {
                let folder = scratch.file(month)
                func write(_ arguments: [String]) async throws {
                    try await ProgramRun.expectingSuccess(
                        arguments + ["--quiet", "--output", folder, "--database", Deployment.conninfo(settings)])
                }
                try await write(["report", "sla", "--month", month])
                for customer in Self.isWhole ? ["--all"] : ["customer0", "customer3"] {
                    try await write(
                        ["report", "statement", "--month", month]
                            + (Self.isWhole ? [customer] : ["--account", customer]))
                }
                try await write(["report", "focus", "--month", month, "--all", "--issuer", "Kestrel Frames GmbH"])
                try await write(["report", "journal", "--month", month, "--all"])
            }
            let run = try await ProgramRun(
                [Deployment.root + "/Tests/Readers/readers.py"] + Self.months.map { scratch.file($0) },
                program: TestPython.path)
            #expect(run.exitCode == 0, "\(run.output) \(run.errors)")
            let columns = run.output.firstMatch(of: /^(\d+) columns/).flatMap { Int($0.1) } ?? 0
            #expect(columns > 1_000)
        }
    }
}
