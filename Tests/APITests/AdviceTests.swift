import Domain
import TestSupport
import Testing

/// The engine refuses with facts; the programs say them, with the command that helps.
@Suite(.timeLimit(.minutes(2))) struct AdviceTests {
    @Test func `a database without the engine is told how to get it, beside the service's tables and alone`()
        async throws
    {
        try await withDatabase { settings in
            let database = ["--database", Deployment.conninfo(settings)]
            let commands = [
                ("daybook", ProgramRun.daybook, ["credits", "balance", "--account", "nobody"]),
                ("daybookd", LiveServer.daybookd, ["keys", "list"]),
            ]
            for option in ["", " --engine"] {
                for (name, program, command) in commands {
                    let run = try await ProgramRun(command + database, program: program)
                    #expect(run.exitCode == FailureKind.configuration.rawValue)
                    let advice = "run: daybook database migrate\(option)"
                    #expect(run.errors == "\(name): This database has no batch engine; \(advice)\n")
                }
                if option.isEmpty { try await execute("CREATE TABLE public.credit_ledger ()", in: settings) }
            }
        }
    }

    @Test func `a key that nobody has and a booking without its words name the option or the command`() async throws {
        try await withEngine { settings in
            let database = ["--database", Deployment.conninfo(settings)]
            let revoked = try await ProgramRun(["keys", "revoke", "nobody"] + database, program: LiveServer.daybookd)
            #expect(revoked.exitCode == FailureKind.usage.rawValue)
            #expect(revoked.errors == "daybookd: No key has that id or beginning; see: daybookd keys list\n")
            let adjust = ["credits", "adjust", "--account", "nobody", "--by", "5", "--reference"]
            let length = "A reference has 1 to \(Limits.remarkLength) characters, blanks around it apart"
            for (words, sentence) in [
                (["T-1"], "An adjustment needs a reason: --reason TEXT"),
                ([" ", "--reason", "r"], "\(length): --reference TEXT"),
                (["T-1", "--reason", "r", "--author", ""], "Name who books it: --author NAME"),
            ] {
                let run = try await ProgramRun(adjust + words + database)
                #expect(run.exitCode == FailureKind.usage.rawValue)
                #expect(run.errors == "daybook: \(sentence)\n")
            }
        }
    }

    @Test func `a service whose database has lost the engine says in its log what to run`() async throws {
        try await LiveServer.run { server in
            try await execute("ALTER TABLE daybook.model_gate RENAME TO lost", in: server.settings)
            let answer = try await server.call("GET", "/readyz")
            #expect(answer.status == 503 && answer.error == "SERVICE_UNAVAILABLE", "\(answer.text)")
            #expect(server.program.errors.contains("no batch engine; run: daybook database migrate --engine"))
        }
    }
}
