import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Who may call the functions that move credit.
@Suite struct GrantTests {
    private func findings(_ settings: ConnectionSettings) async throws -> [CreditRights.Finding] {
        let connection = try await Connection.open(settings)
        let grants = try await connection.transaction(.snapshot) { try CreditRights($0) }
        await connection.close()
        return grants.findings
    }

    @Test func `a database that Daybook made lets nobody in, and who comes in later is named with the way out`()
        async throws
    {
        try await withEngine { settings in
            #expect(try await findings(settings).isEmpty)
            let role = "guest_\(settings.options["dbname"] ?? "")"
            try await execute(
                """
                CREATE ROLE \(role);
                GRANT EXECUTE ON FUNCTION public.freeze_credits_for_batch TO \(role), PUBLIC
                """, in: settings)
            let found = try await findings(settings)
            #expect(found.map(\.grantees) == [["PUBLIC", role]])
            let database = ["--database", Deployment.conninfo(settings)]
            for command in ["check", "roles"] {
                let run = try await ProgramRun(["database", command] + database)
                #expect(run.exitCode == 0 && run.output.contains("rights: PUBLIC, \(role) may call"), "\(run.output)")
            }
            // The statement that it names ends it.
            let sentence = try #require(found.first?.sentence)
            let statement = try #require(sentence.range(of: "REVOKE")).lowerBound
            try await execute(String(sentence[statement...]), in: settings)
            #expect(try await findings(settings).isEmpty)
            try await execute("DROP ROLE \(role)", in: settings)
        }
    }

    @Test func `a function that was never restricted can be called by everybody, and is named`() async throws {
        try await withDatabase { settings in
            try await execute(
                """
                CREATE FUNCTION public.finalize_batch_credits(uuid, uuid, integer) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'
                """, in: settings)
            let found = try await findings(settings)
            #expect(found.map(\.grantees) == [["PUBLIC"]])
            #expect(found.map(\.object) == ["public.finalize_batch_credits(uuid, uuid, integer)"])
        }
    }
}
