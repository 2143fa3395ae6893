import Postgres
import TestSupport
import Testing

/// As whom reports read where Citus has tables on several servers: it asks these as whoever the session works as, and
/// a role of ours may log in nowhere.
@Suite struct DistributedRoleTests {
    @Test func `over distributed tables a report reads as its login, and elsewhere as the role that only reads`()
        async throws
    {
        try await RoleServer.run(port: 5449) { server in
            let settings = try await server.sample()
            try await RoleServer.asOwner(["database", "migrate"], settings)
            try await RoleServer.asOwner(["database", "roles"], settings)
            try await execute("REVOKE SELECT ON public.video_tasks FROM daybook_report", in: settings)
            func report() async throws -> ProgramRun {
                let folder = try ScratchFolder()
                return try await RoleServer.daybook(
                    ["report", "sla", "--month", "2026-10", "--no-tasks", "--quiet", "--output", folder.path],
                    settings, as: RoleServer.owner)
            }
            let here = try await report()
            #expect(here.exitCode == 78 && here.errors.contains("denied for table video_tasks"), "\(here.errors)")
            try await CitusCatalogue.install(CitusCatalogue.history, in: settings)
            let divided = try await report()
            #expect(divided.exitCode == 0, "\(divided.errors)")
        }
    }
}
