import Domain
import Foundation
import TestSupport
import Testing

/// The reference of everything that can be set, which is printed from the programs themselves.
@Suite struct ConfigurationDocumentTests {
    /// Commands that have an option before it is described once for all of them.
    private static let common = 8

    private typealias Command = (line: String, command: ProgramHelp.Command)

    private static func commands() async throws -> [Command] {
        var all: [Command] = []
        for program in ProgramHelp.programs {
            for (words, command) in try await ProgramHelp.commands(program) {
                all.append((([program] + words).joined(separator: " "), command))
            }
        }
        return all
    }

    private static func options(_ command: Command) -> [ProgramHelp.Argument] {
        (command.command.arguments ?? []).filter {
            $0.kind != "positional" && $0.longName.map { !["help", "version"].contains($0) } == true
        }
    }

    private static func cell(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("<", with: "&lt;").replacing("\n", with: " ")
    }

    private static func row(_ option: ProgramHelp.Argument) -> String {
        let name = "--\(option.longName ?? "")" + (option.kind == "option" ? " \(option.valueName ?? "")" : "")
        let standard = option.defaultValue.map { $0.isEmpty ? "" : " Default: \($0)." } ?? ""
        return "| `\(name)` | \(cell(option.abstract ?? ""))\(cell(standard)) |\n"
    }

    private static func heading(_ first: String) -> String { "| \(first) | |\n| --- | --- |\n" }

    @Test func `the reference names every variable of the environment, with the options that win over it`() async throws
    {
        var options: [(name: String, abstract: String)] = []
        for command in try await Self.commands() {
            options += Self.options(command).map { ("--\($0.longName ?? "")", $0.abstract ?? "") }
        }
        let rows = Setting.allCases.map { setting in
            let winning = Set(
                options.filter { option in
                    option.abstract.split { !$0.isLetter && $0 != "_" }.contains { $0 == setting.rawValue }
                }.map(\.name)
            ).sorted().map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(setting.rawValue)` | \(setting.meaning) | \(winning) |\n"
        }
        let table = "| variable | meaning | options that win |\n| --- | --- | --- |\n" + rows.joined()
        #expect(try PrintedPart.difference("configuration.md", "environment", table) == nil)
    }

    @Test func `the reference names every option of every command`() async throws {
        let commands = try await Self.commands()
        var counts: [ProgramHelp.Argument: Int] = [:]
        for command in commands { for option in Self.options(command) { counts[option, default: 0] += 1 } }
        let shared = counts.filter { $0.value >= Self.common }.keys.sorted { ($0.longName ?? "") < ($1.longName ?? "") }
        #expect(shared.contains { $0.longName == "database" })
        var text = "### Of many commands\n\n" + Self.heading("option") + shared.map(Self.row).joined() + "\n"
        for command in commands {
            let own = Self.options(command)
            guard !own.isEmpty || command.command.subcommands == nil else { continue }
            let mine = own.filter { !shared.contains($0) }
            let others = own.filter(shared.contains).map { "`--\($0.longName ?? "")`" }
            text += "### `\(command.line)`\n\n\(Self.cell(command.command.abstract ?? ""))\n\n"
            if !mine.isEmpty { text += Self.heading("option") + mine.map(Self.row).joined() + "\n" }
            if !others.isEmpty { text += "Of many commands: \(others.joined(separator: ", ")).\n\n" }
        }
        #expect(try PrintedPart.difference("configuration.md", "options", text) == nil)
    }

    @Test(arguments: [("DAYBOOK_ISUER", "DAYBOOK_ISSUER is the one"), ("DAYBOOK_RETENTION", "The settings are")])
    func `a variable with the prefix that no setting has is refused with what was meant`(
        name: String, advice: String
    ) async throws {
        for (program, command) in [("daybook", ["report", "check", "nothing"]), ("daybookd", ["keys", "list"])] {
            let run = try await ProgramRun(
                command, program: RunningProgram.path(program), environment: [name: "Kestrel Frames GmbH"])
            #expect(run.exitCode == 78, "\(program): \(run.errors)")
            #expect(run.errors.contains("has \(name), which is no setting"), "\(run.errors)")
            #expect(run.errors.contains(advice), "\(run.errors)")
            // What a cluster says of its services is no mistake of anybody's.
            let cluster = [
                "DAYBOOK_PORT": "tcp://10.0.0.1:8080", "DAYBOOK_API_SERVICE_HOST": "10.0.0.1",
                "DAYBOOK_API_SERVICE_PORT_HTTP": "8080", "DAYBOOK_API_PORT_8080_TCP_ADDR": "10.0.0.1",
                "DATABASE_URL": "host=/nowhere",
            ]
            let taken = try await ProgramRun(
                command, program: RunningProgram.path(program), environment: cluster)
            #expect(!taken.errors.contains("no setting"), "\(taken.errors)")
            let help = try await ProgramRun(
                command.prefix(1) + ["--help"], program: RunningProgram.path(program), environment: [name: ""])
            #expect(help.exitCode == 0, "\(help.errors)")
        }
    }
}
