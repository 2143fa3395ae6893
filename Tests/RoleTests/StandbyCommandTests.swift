import Postgres
import TestSupport
import Testing

/// Every command of both programs on a hot standby: what reads works, and what writes says what to do.
@Suite struct StandbyCommandTests {
    @Test func `on a standby every command that reads works, and every other one says that it is a standby`()
        async throws
    {
        try await RoleServer.run(port: 5448, hbaLines: StandbyPair.admission) { server in
            let seed = try await CommandSeed.make(server)
            let (settings, places) = try await seed.copy(.owner)
            let pair = try StandbyPair(of: server.cluster)
            let standby = pair.onStandby(RoleServer.login(settings, RoleServer.owner))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for line in CommandCase.all {
                    switch line.way {
                    case .files, .machine, .elsewhere: continue
                    case .roles(let roles): group.addTask { try await line.tryOn(standby, places, reads: roles) }
                    case .service: group.addTask { try await line.tryOn(standby, places, reads: []) }
                    }
                }
                try await group.waitForAll()
            }
            try pair.standby.stop()
        }
    }
}

extension CommandCase {
    private static let readings: Set<String> = ["daybookd keys list", "daybookd keys show", "daybookd keys usage"]

    /// Runs the command on a standby. One that an auditor may run only reads, and so does what tells of keys.
    fileprivate func tryOn(
        _ settings: ConnectionSettings, _ places: [String: String], reads roles: Set<CommandRole>
    ) async throws {
        let run = try await ProgramRun(
            words(places) + ["--database", Deployment.conninfo(settings)], program: program,
            environment: ["GRSAI_API_KEY": "sk-test"])
        if roles.contains(.auditor) || Self.readings.contains(command) {
            #expect([0, 2].contains(run.exitCode), "\(command): \(run.exitCode) \(run.errors)")
        } else {
            #expect(
                run.exitCode == 78 && run.errors.contains("is a standby") && run.errors.contains("on the primary"),
                "\(command): \(run.exitCode) \(run.errors)\(run.output)")
        }
    }
}
