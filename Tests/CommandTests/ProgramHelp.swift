import Foundation
import TestSupport

/// What a program says of its commands and their options, for programs.
enum ProgramHelp {
    static let programs = ["daybook", "daybookd", "grsai-simulator"]

    struct Argument: Decodable, Hashable {
        struct Name: Decodable, Hashable {
            let kind: String
            let name: String
        }

        let kind: String
        let names: [Name]?
        let valueName: String?
        let abstract: String?
        let defaultValue: String?

        var longName: String? { names?.first { $0.kind == "long" }?.name }

        /// As it is written, with a value; nil for a flag.
        func given(_ value: String) -> String? {
            guard kind == "option", let longName else { return nil }
            return "--\(longName)=\(value)"
        }
    }

    struct Command: Decodable {
        let commandName: String
        let abstract: String?
        let subcommands: [Command]?
        let arguments: [Argument]?
    }

    private struct Help: Decodable {
        let command: Command
    }

    /// Every command of a program with its words, and its arguments.
    static func commands(_ program: String) async throws -> [(words: [String], command: Command)] {
        let text = try await ProgramRun.expectingSuccess(
            ["--experimental-dump-help"], program: RunningProgram.path(program))
        func walk(_ command: Command, _ words: [String]) -> [(words: [String], command: Command)] {
            [(words, command)]
                + (command.subcommands ?? []).filter { $0.commandName != "help" }.flatMap {
                    walk($0, words + [$0.commandName])
                }
        }
        return walk(try JSONDecoder().decode(Help.self, from: Data(text.utf8)).command, [])
    }
}
