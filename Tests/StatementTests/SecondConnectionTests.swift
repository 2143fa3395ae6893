import Domain
import Foundation
import Postgres
import Reporting
import TestSupport
import Testing

/// Everybody's statements, read over one connection or over two.
@Suite struct SecondConnectionTests {
    private static func statements(
        _ settings: ConnectionSettings, beside other: ConnectionSettings?, isLost: Bool = false
    ) async throws -> [String: Data] {
        let folder = try ScratchFolder()
        let reports = Deployment.root
        let report = StatementReport(
            StatementRequest(month: try #require(Month("2026-10")), account: nil, cutoff: nil),
            settings: StatementReport.Settings(
                definitionFolder: reports + "/reports",
                templates: try TemplateSet(folders: [reports + "/templates"]), output: folder.path,
                formats: [.csv, .html], key: nil, programVersion: "0"))
        let connection = try await Connection.open(settings)
        let second: Connection? = if let other { try await Connection.open(other) } else { nil }
        if isLost { await second?.close() }
        _ = try await report.run(connection, beside: second)
        await connection.close()
        await second?.close()
        return try folder.contents().filter { !$0.key.hasSuffix("manifest.json") }
    }

    @Test func `a second connection changes no byte, also where it cannot come into the snapshot`() async throws {
        try await withSample { settings in
            let alone = try await Self.statements(settings, beside: nil)
            #expect(alone.count > 60)
            #expect(try await Self.statements(settings, beside: settings) == alone)
            // A connection to another database has no way into the snapshot.
            var elsewhere = settings
            elsewhere.options["dbname"] = "postgres"
            #expect(try await Self.statements(settings, beside: elsewhere) == alone)
            #expect(try await Self.statements(settings, beside: settings, isLost: true) == alone)
        }
    }

    @Test func `a reading that fails ends the report, and leaves nothing behind`() async throws {
        try await withSample { settings in
            try await execute(
                """
                ALTER TABLE public.credit_ledger ALTER COLUMN meta TYPE text;
                UPDATE public.credit_ledger SET meta = '{' WHERE id = (SELECT max(id) FROM public.credit_ledger)
                """, in: settings)
            let folder = try ScratchFolder()
            let run = try await daybook(
                settings,
                ["report", "statement", "--month", "2026-10", "--all", "--quiet", "--output", folder.path])
            #expect(run.exitCode != 0 && !run.errors.isEmpty, "\(run.errors)")
            #expect(try folder.contents().isEmpty)
        }
    }
}
