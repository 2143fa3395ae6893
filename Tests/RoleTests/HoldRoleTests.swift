import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Legal holds move with a record of who and why, whoever moves them.
@Suite struct HoldRoleTests {
    private static let header =
        "user_id,slug,name,plan,currency,timezone,retention_days,monthly_fee_usd,legal_hold\n"
    private static func row(_ hold: String, fee: String = "12.50") -> String {
        "2eae05cf-96d0-4c5f-94c2-8c2e7c26847f,one,One,payg,USD,Europe/Berlin,30,\(fee),\(hold)\n"
    }

    private static let records = """
        SELECT matter, requested_by, placed_by, coalesce(released_by, ''), coalesce(release_reason, '')
        FROM daybook.legal_hold ORDER BY hold_id
        """

    @Test func `the importer places holds, and lifts none without a right, a reason and a record`() async throws {
        try await RoleServer.run(port: 5446) { server in
            let settings = try await server.database()
            try await RoleServer.asOwner(["database", "migrate"], settings)
            let script = RightsDocument.script(.importer)
            try await execute(script, in: settings)
            let folder = try ScratchFolder()
            func importing(_ hold: String, fee: String = "12.50", _ more: [String] = []) async throws -> ProgramRun {
                let file = try folder.write(Self.header + Self.row(hold, fee: fee), to: "accounts.csv")
                return try await RoleServer.daybook(
                    ["accounts", "import", file] + more, settings, as: "daybook_importer")
            }
            let placed = try await importing("matter 7")
            #expect(placed.exitCode == 0 && placed.output.contains("1 added, 0 changed"), "\(placed.errors)")
            let who = "SELECT legal_hold, legal_hold_by FROM daybook.account"
            #expect(try await RoleServer.lines(who, settings) == ["matter 7 | daybook_importer"])
            for attempt in [
                "UPDATE daybook.account SET legal_hold = NULL", "UPDATE daybook.account SET legal_hold = ''",
                "DELETE FROM daybook.account", "DELETE FROM daybook.legal_hold",
                "INSERT INTO daybook.legal_hold (scope, user_id, matter, requested_by) VALUES ('account', gen_random_uuid(), 'm', 'q')",
                "SELECT daybook.release_account_hold(user_id, 'r') FROM daybook.account",
            ] {
                let refusal = try await RoleServer.refusal(of: attempt, as: "daybook_importer", settings)
                #expect(refusal?.hasPrefix("42501") == true, "\(attempt): \(refusal ?? "was done")")
            }
            let lifting = try await importing("", ["--release-holds", "settled"])
            #expect(lifting.exitCode == 78, "\(lifting.errors)")
            // Everything else of the account is imported as before, and another matter leaves the first on record.
            let changed = try await importing("matter 7", fee: "13")
            #expect(changed.exitCode == 0 && changed.output.contains("0 added, 1 changed"), "\(changed.errors)")
            let renamed = try await importing("matter 8", fee: "13")
            #expect(renamed.exitCode == 0 && renamed.output.contains("0 added, 1 changed"), "\(renamed.errors)")
            try await execute(
                "GRANT EXECUTE ON FUNCTION daybook.release_account_hold(uuid, text) TO daybook_importer", in: settings)
            let released = try await importing("", fee: "13", ["--release-holds", "settled"])
            #expect(released.exitCode == 0, "\(released.errors)")
            #expect(
                try await RoleServer.lines(Self.records, settings) == [
                    "matter 7 | accounts.csv | daybook_importer | daybook_importer | held for another matter from now on: matter 8",
                    "matter 8 | accounts.csv | daybook_importer | daybook_importer | settled",
                ])
            let check = try await RoleServer.daybook(["database", "check"], settings)
            #expect(!check.output.contains("rights:"), "the right to release may be given: \(check.output)")
        }
    }

    @Test func `a hold of an account ends with its record for its owner and a superuser too, and no record is altered`()
        async throws
    {
        try await withDatabase { settings in
            try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
            let folder = try ScratchFolder()
            let file = try folder.write(Self.header + Self.row("matter 7"), to: "accounts.csv")
            try await ProgramRun.expectingSuccess(
                ["accounts", "import", file, "--database", Deployment.conninfo(settings)])
            for attempt in [
                "UPDATE daybook.account SET legal_hold = NULL", "UPDATE daybook.account SET legal_hold = 'another'",
                "DELETE FROM daybook.account",
            ] {
                let refusal = try await RoleServer.refusal(of: attempt, as: "postgres", settings)
                #expect(refusal?.contains("release_account_hold alone") == true, "\(attempt): \(refusal ?? "was done")")
            }
            try await ProgramRun.expectingSuccess(
                [
                    "retention", "hold", "add", "--account", "one", "--matter", "m", "--requested-by", "counsel",
                    "--database", Deployment.conninfo(settings),
                ])
            for attempt in [
                "UPDATE daybook.legal_hold SET matter = 'x'", "DELETE FROM daybook.legal_hold",
                "TRUNCATE daybook.legal_hold",
                "UPDATE daybook.legal_hold SET released_at = now(), release_reason = 'r', requested_by = 'x'",
            ] {
                let refusal = try await RoleServer.refusal(of: attempt, as: "postgres", settings)
                #expect(refusal?.contains("released, never altered") == true, "\(attempt): \(refusal ?? "was done")")
            }
            try await ProgramRun.expectingSuccess(
                ["retention", "hold", "release", "1", "--reason", "over", "--database", Deployment.conninfo(settings)])
            #expect(try await RoleServer.lines(Self.records, settings) == ["m | counsel | postgres | postgres | over"])
        }
    }
}
