import Foundation
import TestSupport

/// The logins by which every command is tried.
enum CommandRole: String, CaseIterable, Sendable {
    case owner
    case superuser
    case reader = "daybook_reader"
    case nightly = "daybook_nightly"
    case auditor = "daybook_auditor"
    case sla = "daybook_sla"
    case prober = "daybook_prober"
    case importer = "daybook_importer"

    /// The name of the login.
    var login: String {
        switch self {
        case .owner: RoleServer.owner
        case .superuser: "postgres"
        default: rawValue
        }
    }
}

/// A command of the two programs: how it is tried, and for whom it works.
struct CommandCase: Sendable {
    /// Whose command it is.
    enum Way: Sendable {
        /// It works on a database for these roles, and is refused to the others.
        case roles(Set<CommandRole>)
        /// A service: it goes on until it is stopped.
        case service(Set<CommandRole>)
        /// It needs no database.
        case files
        /// It needs no database, but somebody at the other end, whom the tests of the command itself have.
        case elsewhere
        /// It is about the private server, whatever database is named.
        case machine
    }

    let command: String
    let way: Way
    let arguments: [String]

    private init(_ command: String, _ way: Way, _ arguments: [String] = []) {
        self.command = command
        self.way = way
        self.arguments = arguments
    }

    private static let writers: Set<CommandRole> = [.owner, .superuser]
    private static let readers = writers.union([.reader, .nightly, .auditor])
    private static let imports = writers.union([.importer])
    private static let listed = readers.union([.sla, .importer])

    private static let id = CommandSeed.user
    private static let credit = ["--month", "2020-01", "--account", "one"]
    private static let certificates = ["--certificates", "{folder}/certificates"]

    /// In an order in which each finds what it needs; `{…}` are the places of the role's own.
    static let all: [CommandCase] = [
        CommandCase("daybook database check", .roles(readers)),
        CommandCase("daybook report sla", .roles(readers.union([.sla])), ["--month", "2020-01"] + output),
        CommandCase("daybook report statement", .roles(readers), ["--month", "2020-01", "--all"] + output),
        CommandCase(
            "daybook report focus", .roles(readers), ["--month", "2020-01", "--all", "--issuer", "Tried"] + output),
        CommandCase("daybook report journal", .roles(readers), ["--month", "2020-01", "--all"] + output),
        CommandCase(
            "daybook report run", .roles(readers.union([.sla]).subtracting([.superuser])),
            ["failures", "--param", "month=2020-01"] + output),
        CommandCase("daybook report check", .files, ["{statement}"]),
        CommandCase("daybook report list", .files),
        CommandCase("daybook ledger verify", .roles(readers)),
        CommandCase("daybook ledger explain", .roles(readers.union([.sla])), ["pay-1"]),
        CommandCase("daybook ledger receipt", .roles(readers), [CommandSeed.batch]),
        CommandCase("daybook provider match", .roles(readers), ["{bill}", "--month", "2020-01"]),
        CommandCase(
            "daybook credits grant", .roles(writers), ["--bonus", "5", "--account", "one", "--reference", "g-1"]),
        CommandCase(
            "daybook credits adjust", .roles(writers),
            ["--by", "1", "--account", "one", "--reference", "a-1", "--reason", "tried"]),
        CommandCase("daybook credits balance", .roles(readers), ["--account", "one"]),
        CommandCase("daybook credits history", .roles(readers.union([.sla])), ["--account", "one"]),
        CommandCase("daybook exposure", .roles(readers)),
        CommandCase("daybook status", .roles(readers)),
        CommandCase("daybook ledger prices import", .roles(writers), ["{prices}"]),
        CommandCase("daybook accounts list", .roles(listed)),
        CommandCase("daybook accounts show", .roles(listed), ["one"]),
        CommandCase("daybook accounts import", .roles(imports), ["{accounts}"]),
        CommandCase("daybook profiles list", .roles(listed)),
        CommandCase("daybook profiles show", .roles(listed)),
        CommandCase("daybook profiles import", .roles(imports), ["{profile}"]),
        CommandCase("daybook availability list", .roles(listed)),
        CommandCase("daybook availability import", .roles(imports), ["{probes}"]),
        CommandCase(
            "daybook availability probe", .roles(imports.union([.prober])),
            ["http://127.0.0.1:9/", "--target", "tried", "--timeout", "1"]),
        CommandCase("daybook availability maintenance list", .roles(listed)),
        CommandCase("daybook availability maintenance import", .roles(imports), ["{windows}"]),
        CommandCase("daybook outages list", .roles(listed)),
        CommandCase("daybook outages import", .roles(imports), ["{outages}"]),
        CommandCase("daybook close list", .roles(readers)),
        CommandCase("daybook close diff", .roles(readers), ["2020-01"]),
        CommandCase("daybook close month", .roles(writers), ["2020-02"]),
        CommandCase("daybook close reopen", .roles(writers), ["{closed}", "--reason", "tried"]),
        CommandCase("daybook month run", .roles(writers), ["2020-03"] + output),
        CommandCase("daybook month status", .roles(readers), ["2020-03"]),
        CommandCase("daybook month approve", .roles(writers), ["2020-03", "--from", "f@example.com"] + output),
        CommandCase("daybook sla credits list", .roles(readers)),
        CommandCase("daybook sla credits offer", .roles(writers), ["--month", "2020-03"]),
        CommandCase("daybook sla credits request", .roles(writers), credit + ["--reference", "tried"]),
        CommandCase("daybook sla credits grant", .roles(writers), credit + ["--as", "fee"]),
        CommandCase(
            "daybook sla credits decline", .roles(writers),
            ["--month", "2020-02", "--account", "one", "--reason", "tried"]),
        CommandCase("daybook retention plan", .roles(readers)),
        CommandCase("daybook retention verify", .roles(readers)),
        CommandCase("daybook retention list", .roles(readers)),
        CommandCase("daybook retention certificate", .roles(readers), ["--account", "one"]),
        CommandCase("daybook retention show", .roles(readers), ["one"]),
        CommandCase("daybook retention policy list", .roles(readers)),
        CommandCase(
            "daybook retention policy set", .roles(writers),
            ["--class", "access_log", "--days", "40", "--account", "one", "--reason", "tried"]),
        CommandCase("daybook retention hold list", .roles(readers)),
        CommandCase(
            "daybook retention hold add", .roles(writers),
            ["--account", "two", "--matter", "tried", "--requested-by", "counsel"]),
        CommandCase("daybook retention hold release", .roles(writers), ["1", "--reason", "tried"]),
        CommandCase(
            "daybook retention purge", .roles(writers.union([.nightly])),
            ["--yes", "--quiet", "--expect-rows", "2", "--archive", "{folder}/archive"] + certificates),
        CommandCase(
            "daybook retention restore", .roles(writers), ["{archive}/run-000001/manifest.json"] + certificates),
        CommandCase("daybook retention forget-look", .roles(writers), ["1"] + certificates),
        CommandCase(
            "daybook retention erase", .roles(writers.union([.nightly])),
            [
                "--account", "one", "--yes", "--quiet", "--no-archive", "--reason", "tried", "--requested-by",
                "counsel",
            ] + certificates),
        CommandCase("daybook retention expire-archives", .roles(writers.union([.nightly])), certificates),
        CommandCase(
            "daybook retention carry-forward", .roles(writers),
            ["--yes", "--quiet", "--archive", "{folder}/archive"] + certificates),
        CommandCase("daybook keys statement-init", .files, ["{folder}/statement.key"]),
        CommandCase(
            "daybook letter write", .files,
            ["tried", "--to", "a@example.com", "--from", "b@example.com", "--templates", "{folder}"]),
        CommandCase(
            "daybook letter record", .roles(writers),
            ["introduction", "--to", "a@example.com", "--from", "b@example.com"]),
        CommandCase("daybook letter list", .roles(readers)),
        CommandCase("daybook letter due", .roles(readers)),
        CommandCase("daybookd keys create", .roles(writers), ["--account", "one", "--name", "tried"]),
        CommandCase("daybookd keys list", .roles(writers)),
        CommandCase("daybookd keys show", .roles(writers), ["{key}"]),
        CommandCase("daybookd keys usage", .roles(writers)),
        CommandCase("daybookd keys revoke", .roles(writers), ["{key}"]),
        CommandCase("daybookd keys adopt", .roles(writers)),
        CommandCase("daybookd adopt", .roles(writers), ["--all"]),
        CommandCase("daybookd serve", .service(writers), ["--port", "0"]),
        CommandCase("daybookd work", .service(writers), ["--provider", "http://127.0.0.1:9"]),
        CommandCase("daybookd demo", .machine),
        CommandCase("daybookd webhooks test", .elsewhere),
        CommandCase("daybook database partitions", .roles(writers)),
        CommandCase("daybook database migrate", .roles(writers)),
        CommandCase("daybook database roles", .roles(writers)),
        CommandCase("daybook database start", .machine),
        CommandCase("daybook database stop", .machine),
        CommandCase("daybook database status", .machine),
        CommandCase("daybook database psql", .machine),
    ]

    /// The program that has the command.
    var program: String { command.hasPrefix("daybookd") ? RunningProgram.path("daybookd") : ProgramRun.daybook }

    /// The command's words after the program's name, with what stands in the places of a role's own.
    func words(_ places: [String: String]) -> [String] {
        command.split(separator: " ").dropFirst().map(String.init)
            + arguments.map { argument in
                places.reduce(argument) { $0.replacing("{\($1.key)}", with: $1.value) }
            }
    }

    private static let output = ["--quiet", "--output", "{folder}"]

    /// The table as the documents show it, by program and name.
    static var document: String {
        let header = ["command"] + CommandRole.allCases.map(\.rawValue)
        let rows = all.sorted { $0.command < $1.command }.map { line -> [String] in
            let cells: [String] =
                switch line.way {
                case .roles(let roles), .service(let roles):
                    CommandRole.allCases.map { roles.contains($0) ? "yes" : "" }
                case .files, .elsewhere: CommandRole.allCases.map { _ in "no database" }
                case .machine: CommandRole.allCases.map { _ in "private server" }
                }
            return ["`\(line.command)`"] + cells
        }
        return ([header, header.map { _ in "---" }] + rows).map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }
}
