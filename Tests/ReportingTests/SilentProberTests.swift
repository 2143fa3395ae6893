import Foundation
import Postgres
import TestSupport
import Testing

/// A prober that has stopped is said by whatever reads its probes.
@Suite struct SilentProberTests {
    private static let words = "The newest probe of batch-api is of 2026-10-31T23:59:00"

    /// The month that goes on by the database's clock.
    private func month(_ settings: ConnectionSettings) async throws -> String {
        let connection = try await Connection.open(settings)
        let rows = try await connection.run { session in
            try session.query("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS month")
        }
        await connection.close()
        return try rows[0].text("month")
    }

    @Test func `a report of a month that goes on says which prober is silent, and since when`() async throws {
        try await withSample { settings in
            let month = try await month(settings)
            let report = try await SLARun(settings, ["--month", month, "--format", "csv"])
            #expect(report.run.errors.contains(Self.words), "\(report.run.errors)")
            #expect(report.run.errors.contains("is its prober running?"))
            let each = try await SLARun(settings, ["--month", month, "--format", "csv", "--all", "--no-tasks"])
            #expect(each.run.errors.components(separatedBy: Self.words).count == 2)
            // A month that is final, and one that is judged as of another instant, do not depend on it.
            for arguments in [["--month", "2026-10"], ["--month", month, "--cutoff", "\(month)-01T00:05:00Z"]] {
                let other = try await SLARun(settings, arguments + ["--format", "csv"])
                #expect(!other.run.errors.contains(Self.words), "\(arguments): \(other.run.errors)")
            }
            try await execute(
                "INSERT INTO daybook.probe (probed_at, target, ok) VALUES (now(), 'batch-api', true)", in: settings)
            let probed = try await SLARun(settings, ["--month", month, "--format", "csv"])
            #expect(!probed.run.errors.contains("newest probe"), "\(probed.run.errors)")
        }
    }

    @Test func `the list of targets says it as well`() async throws {
        try await withSample { settings in
            let list = try await ProgramRun(["availability", "list", "--database", Deployment.conninfo(settings)])
            #expect(list.exitCode == 0 && list.errors.contains(Self.words), "\(list.errors)")
        }
    }
}
