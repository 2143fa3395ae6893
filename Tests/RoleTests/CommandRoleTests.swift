import Foundation
import Postgres
import TestSupport
import Testing

/// Every command of both programs as every documented role, after `database roles`: it works for exactly the roles that
/// the documents name.
@Suite struct CommandRoleTests {
    private static let daybookd = RunningProgram.path("daybookd")

    /// The commands of a program that have no commands of their own, by its own description.
    private func leaves(_ program: String) async throws -> Set<String> {
        let run = try await ProgramRun(["--experimental-dump-help"], program: program)
        let tree = try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any]
        func walk(_ command: [String: Any], _ path: String) -> [String] {
            let name = (path + " " + (command["commandName"] as? String ?? "")).trimmingCharacters(in: .whitespaces)
            let further = (command["subcommands"] as? [[String: Any]] ?? []).filter {
                $0["commandName"] as? String != "help"
            }
            return further.isEmpty ? [name] : further.flatMap { walk($0, name) }
        }
        return Set(walk(try #require(tree?["command"] as? [String: Any]), ""))
    }

    @Test func `every command stands in the table, which the documents print`() async throws {
        let commands = try await leaves(ProgramRun.daybook).union(leaves(Self.daybookd))
        #expect(commands == Set(CommandCase.all.map(\.command)))
        #expect(commands.count == CommandCase.all.count)
        #expect(try PrintedPart.difference("operations.md", "commands", CommandCase.document) == nil)
    }

    @Test func `after the roles every command works for exactly the roles of the table, and is refused to the others`()
        async throws
    {
        try await RoleServer.run(port: 5447) { server in
            let seed = try await CommandSeed.make(server)
            // One after another: a template may have no visitors while it is copied.
            var copies: [(role: CommandRole, settings: ConnectionSettings, places: [String: String])] = []
            for role in CommandRole.allCases {
                let (settings, places) = try await seed.copy(role)
                copies.append((role, RoleServer.login(settings, role.login), places))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (role, settings, places) in copies {
                    group.addTask { try await tryAll(role, settings, places) }
                }
                try await group.waitForAll()
            }
        }
    }

    private func tryAll(
        _ role: CommandRole, _ settings: ConnectionSettings, _ places: [String: String]
    ) async throws {
        for line in CommandCase.all {
            let (arguments, program) = (line.words(places), line.program)
            let database = ["--database", Deployment.conninfo(settings)]
            let environment = ["GRSAI_API_KEY": "sk-test"]
            switch line.way {
            case .machine, .elsewhere: continue
            case .files:
                let run = try await ProgramRun(arguments, program: program)
                #expect(run.exitCode == 0, "\(line.command): \(run.errors)")
            case .service(let roles) where roles.contains(role):
                let service = try await RunningProgram.start(
                    arguments + database, program: program, environment: environment)
                #expect(await service.stop() == 0, "\(role) \(line.command)")
            case .roles(let roles), .service(let roles):
                let run = try await ProgramRun(arguments + database, program: program, environment: environment)
                if roles.contains(role) {
                    // 2 says that something is not as it should be, and that it was done.
                    #expect([0, 2].contains(run.exitCode), "\(role) \(line.command): \(run.exitCode) \(run.errors)")
                } else {
                    #expect(run.exitCode == 78, "\(role) \(line.command): \(run.exitCode) \(run.errors) \(run.output)")
                    #expect(
                        run.errors.contains("role") && run.errors.hasPrefix("daybook"),
                        "\(role) \(line.command): \(run.errors)")
                }
            }
        }
    }
}
