import Foundation
import Postgres
import TestSupport
import Testing

/// The first steps of docs/engine.md, as they are written there, on an empty database.
@Suite(.timeLimit(.minutes(5))) struct FirstStepsTests {
    /// The lines of the document's first block, each as its words, without remarks.
    private static func steps() throws -> [[String]] {
        let text = try String(contentsOfFile: Deployment.root + "/docs/engine.md", encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```").dropFirst().first)
        return block.split(separator: "\n").map { line in
            line.prefix { $0 != "#" }.split(separator: " ").map(String.init)
        }
    }

    /// An empty folder with the accounts that the document imports.
    private static func folder() throws -> ScratchFolder {
        let folder = try ScratchFolder()
        let accounts = try String(contentsOfFile: Deployment.root + "/sample/accounts.csv", encoding: .utf8)
        _ = try folder.write(accounts, to: "accounts.csv")
        return folder
    }

    @Test func `they work, each after the other`() async throws {
        try await withDatabase { settings in
            let folder = try Self.folder()
            let environment = ["DATABASE_URL": Deployment.conninfo(settings)]
            let steps = try Self.steps()
            let commands = steps.filter { $0.first == "daybook" || $0.starts(with: ["daybookd", "keys"]) }
            #expect(commands.count == 4)
            for words in commands {
                let run = try await ProgramRun(
                    Array(words.dropFirst()), program: RunningProgram.path(words[0]), environment: environment,
                    folder: folder.path)
                #expect(run.exitCode == 0, "\(words.joined(separator: " ")): \(run.errors)")
            }
            // The services, on a port that is free, with a folder of the test's own, and with a key that opens nothing.
            let services = steps.filter { $0.contains("serve") || $0.contains("work") }
            #expect(services.count == 4)
            for words in services {
                let arguments = words.drop { $0 != "daybookd" }.dropFirst().filter { $0 != "…" }
                    .map { $0 == "8080" ? "0" : $0 == "/var/lib/daybook/videos" ? folder.file("videos") : $0 }
                let isWorker = words.contains("work") || words.contains("--work")
                let places =
                    (isWorker ? ["--spool", folder.file("spool")] : [])
                    + (words.contains("--work") ? ["--port", "0"] : [])
                let program = try await RunningProgram.start(
                    arguments + places, program: RunningProgram.path("daybookd"),
                    environment: environment.merging(["GRSAI_API_KEY": "none"]) { $1 })
                #expect(program.firstLine.hasPrefix("http://") || program.firstLine == "working")
                #expect(await program.stop() == 0, "\(program.errors)")
            }
        }
    }

    @Test func `what was bought is there after the first steps`() async throws {
        try await withDatabase { settings in
            let folder = try Self.folder()
            let environment = ["DATABASE_URL": Deployment.conninfo(settings)]
            for words in try Self.steps() where words.first == "daybook" {
                let run = try await ProgramRun(
                    Array(words.dropFirst()), environment: environment, folder: folder.path)
                #expect(run.exitCode == 0, "\(run.errors)")
            }
            let balance = try await ProgramRun(
                ["credits", "balance", "--account", "customer1"], environment: environment)
            #expect(balance.exitCode == 0 && balance.output.contains("262,500"), "\(balance.output) \(balance.errors)")
        }
    }

    @Test func `a step that is left out is named by the next one`() async throws {
        try await withDatabase { settings in
            let environment = ["DATABASE_URL": Deployment.conninfo(settings)]
            let grant = ["credits", "grant", "--account", "customer1", "--package", "5000", "--reference", "INV-1"]
            let key = ["keys", "create", "--account", "customer1", "--name", "production"]
            func expect(_ text: String) async throws {
                for (arguments, program) in [(grant, "daybook"), (key, "daybookd")] {
                    let run = try await ProgramRun(
                        arguments, program: RunningProgram.path(program), environment: environment)
                    #expect(run.exitCode != 0 && run.errors.contains(text), "\(run.errors)")
                    #expect(run.errors.split(separator: "\n").count == 1 && !run.errors.contains("constraint"))
                }
            }
            try await expect("run: daybook database migrate\n")
            try await ProgramRun.expectingSuccess(["database", "migrate", "--database", Deployment.conninfo(settings)])
            try await expect("run: daybook accounts import FILE")
        }
    }
}
