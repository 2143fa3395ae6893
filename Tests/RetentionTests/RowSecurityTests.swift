import Foundation
import Postgres
import TestSupport
import Testing

/// A deployment with row-level security: a purge sees every row, or it refuses.
@Suite struct RowSecurityTests {
    private static let tables = ["video_external_access_log", "video_tasks", "enterprise_api_usage"]

    /// The sample on a server of the test's own: roles are the whole server's.
    private func withServer(port: Int, _ body: (Purging) async throws -> Void) async throws {
        let cluster = try TestCluster(port: port)
        let database = try await TestDatabase.create(in: cluster)
        try await Deployment.loadSample(into: database.settings)
        try await body(try Purging(database.settings))
        try cluster.stop()
    }

    /// A role that may do everything with the tables, and owns none of them.
    private static let role = """
        CREATE ROLE app LOGIN;
        GRANT USAGE, CREATE ON SCHEMA public, daybook TO app;
        GRANT ALL ON ALL TABLES IN SCHEMA public, daybook TO app;
        GRANT ALL ON ALL SEQUENCES IN SCHEMA public, daybook TO app
        """

    private func secure(_ table: String, _ isOn: Bool) -> String {
        isOn
            ? """
            ALTER TABLE public.\(table) ENABLE ROW LEVEL SECURITY;
            CREATE POLICY half ON public.\(table) USING (random() < 0.5)
            """
            : "ALTER TABLE public.\(table) DISABLE ROW LEVEL SECURITY; DROP POLICY half ON public.\(table)"
    }

    /// What a purge of somebody who sees every row leaves.
    private func undisturbed() async throws -> [String: String] {
        var result: [String: String] = [:]
        try await withPurging { purging in
            #expect(try await purging.purge().exitCode == 0)
            result = try await purging.fingerprint()
        }
        return result
    }

    @Test func `a role from which policies hide rows is refused before the first of them`() async throws {
        let expected = try await undisturbed()
        try await withServer(port: 5438) { purging in
            try await execute(Self.role, in: purging.settings)
            var settings = purging.settings
            settings.options["user"] = "app"
            let restricted = try Purging(settings)
            let before = try await purging.fingerprint()
            for table in Self.tables {
                try await execute(secure(table, true), in: purging.settings)
                for arguments in [["plan"], ["purge", "--yes", "--expect-rows", "1"] + restricted.places] {
                    let run = try await restricted.retention(arguments + Purging.date)
                    #expect(run.exitCode == 78, "\(table): \(run.errors)")
                    #expect(
                        run.errors.contains("hide rows of public.\(table) from the role app")
                            && run.errors.contains("BYPASSRLS"), "\(run.errors)")
                }
                try await execute(secure(table, false), in: purging.settings)
            }
            #expect(try await purging.fingerprint() == before)
            // Also the owner, where the policies are forced upon it.
            try await execute(
                secure("video_tasks", true) + "; ALTER TABLE public.video_tasks OWNER TO app;"
                    + "ALTER TABLE public.video_tasks FORCE ROW LEVEL SECURITY", in: purging.settings)
            let forced = try await restricted.retention(["plan"] + Purging.date)
            #expect(forced.exitCode == 78 && forced.errors.contains("public.video_tasks"), "\(forced.errors)")
            // With the right to see every row it takes what is due, as everywhere.
            try await execute(
                "ALTER TABLE public.video_tasks OWNER TO postgres; GRANT ALL ON public.video_tasks TO app;"
                    + "ALTER ROLE app BYPASSRLS", in: purging.settings)
            let run = try await restricted.purge()
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(try await purging.fingerprint() == expected)
        }
    }

    @Test func `the purging role is refused where security came after it, until it is made again`() async throws {
        try await withServer(port: 5439) { purging in
            let made = try await ProgramRun(["database", "roles"] + purging.database)
            #expect(made.exitCode == 0, "\(made.errors)")
            for table in Self.tables { try await execute(secure(table, true), in: purging.settings) }
            let before = try await purging.fingerprint()
            let refused = try await purging.retention(
                ["purge", "--yes", "--expect-rows", "1"] + purging.places + Purging.date)
            #expect(refused.exitCode == 78, "\(refused.errors)")
            #expect(refused.errors.contains("from the role daybook_purge"), "\(refused.errors)")
            #expect(refused.errors.contains("daybook database roles"), "\(refused.errors)")
            #expect(try await purging.fingerprint() == before)
            let again = try await ProgramRun(["database", "roles"] + purging.database)
            #expect(again.exitCode == 0, "\(again.errors)")
            #expect(try await purging.purge().exitCode == 0)
            let verified = try await purging.retention(["verify"])
            #expect(verified.exitCode == 0, "\(verified.output)")
        }
    }
}
