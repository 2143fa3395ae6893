import Domain
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Documents
@testable import Ledger

/// Everybody's statements, read over one connection or over several.
@Suite struct FurtherConnectionTests {
    private static func statements(
        _ settings: ConnectionSettings, beside others: [ConnectionSettings] = [], isLost: Bool = false
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
        var further: [DirectConnection] = []
        for other in others {
            further.append(try await Connection.open(other).direct(for: "Reading ahead"))
        }
        if isLost { await further.last?.close() }
        _ = try await report.run(connection, beside: further)
        await connection.close()
        for other in further { await other.close() }
        return try folder.contents().filter { !$0.key.hasSuffix("manifest.json") }
    }

    @Test func `further connections change no byte, also where they cannot come into the snapshot`() async throws {
        try await withSample { settings in
            let alone = try await Self.statements(settings)
            #expect(alone.count > 60)
            #expect(try await Self.statements(settings, beside: [settings]) == alone)
            #expect(try await Self.statements(settings, beside: [settings, settings]) == alone)
            // A connection to another database has no way into the snapshot.
            var elsewhere = settings
            elsewhere.options["dbname"] = "postgres"
            for others in [[elsewhere], [settings, elsewhere], [elsewhere, settings]] {
                #expect(try await Self.statements(settings, beside: others) == alone)
            }
            #expect(try await Self.statements(settings, beside: [settings], isLost: true) == alone)
            #expect(try await Self.statements(settings, beside: [settings, settings], isLost: true) == alone)
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
