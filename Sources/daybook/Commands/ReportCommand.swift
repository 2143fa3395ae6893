import ArgumentParser
import Domain
import Reporting

/// `daybook report …`
struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write reports.",
        subcommands: [
            SLACommand.self, StatementCommand.self, CheckStatementCommand.self, FocusCommand.self, JournalCommand.self,
            ListReportsCommand.self, RunReportCommand.self,
        ])
}

/// `daybook report list`
struct ListReportsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the reports that can be run, with their parameters.")

    @Option(help: ArgumentHelp("A folder with further reports; may be given again.", valueName: "dir"))
    var reports: [String] = []

    func run() async throws {
        let definitions = try ReportDefinition.all(in: [try InstalledFiles.folder("reports")] + reports)
        var table = TextTable(["report", "parameters", "what it shows"])
        table.add(["sla", "--month, --account", "What was promised, and how the month went (daybook report sla)"])
        for definition in definitions {
            let parameters = definition.parameters.map {
                $0.defaultValue == nil ? $0.name : "\($0.name)=\($0.defaultValue ?? "")"
            }
            table.add([definition.name, parameters.joined(separator: ", "), definition.title])
        }
        table.show()
    }
}

/// `daybook report run`
struct RunReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a report that is a folder of SQL files.",
        discussion: """
            A report is a folder with report.json and SQL files; docs/custom-reports.md says how to write one. Its \
            queries run read-only with bound parameters, and as a login that could do no more: a superuser's, and one \
            that may run programs on the server or touch its files, is refused. --report-database names another. The \
            private server has a login that only reads, which is used by itself.

            Examples:
              daybook report run failures --param month=2026-10
              daybook report run failures --param month=last
              daybook report run access --param month=2026-10 --param account=customer3 --format csv
              daybook report run mine --reports our-reports
            """)

    @Argument(help: "The report's name, as `daybook report list` shows it.")
    var name: String

    @Option(help: ArgumentHelp("A parameter of the report; may be given again.", valueName: "name=value"))
    var param: [String] = []

    @OptionGroup(title: "Output")
    var report: ReportOptions

    @OptionGroup(title: "Output")
    var folders: ReportFolderOptions

    @OptionGroup(title: "Database")
    var reader: ReportDatabaseOptions

    @OptionGroup(title: "Database")
    var database: DatabaseOptions

    func run() async throws {
        try report.requireNoPDF()
        let definitions = try ReportDefinition.all(in: try folders.folders())
        guard let definition = definitions.last(where: { $0.name == name }) else { throw unknown() }
        let progress = Progress(isQuiet: report.quiet)
        let custom = CustomReport(
            definition, definitionFolder: try InstalledFiles.folder("reports"),
            arguments: try await arguments(of: definition), templates: try report.templateSet(), output: report.output,
            mode: report.permissions.mode,
            formats: report.format, programVersion: Version.current, statementTimeoutSeconds: report.statementTimeout)
        let outcome = try await DatabaseOptions.withConnection(try await reader.settings(database)) { connection in
            try await custom.run(connection) { progress.tell($0) }
        }
        progress.finish()
        for sheet in outcome.sheets { Terminal.show("\(sheet.title): \(sheet.rows) rows") }
        Terminal.show("")
        for file in outcome.files { Terminal.show(file) }
        SilentProbers.say(outcome.silentProbers)
    }

    /// Says where the reports are that have a command of their own.
    private func unknown() -> DaybookError {
        switch name.lowercased() {
        case "sla": .usage("The SLA report has a command of its own: daybook report sla --month MONTH")
        case "statement", "statements":
            .usage("Statements have a command of their own: daybook report statement --month MONTH --all")
        case "focus": .usage("FOCUS has a command of its own: daybook report focus --month MONTH --all")
        case "journal": .usage("The journal has a command of its own: daybook report journal --month MONTH --all")
        case "ledger": .usage("The ledger has a command of its own: daybook ledger verify")
        default: .usage("There is no report \"\(name.prefix(80))\"; see: daybook report list")
        }
    }

    /// The parameters; a month that is called `last` by its name.
    private func arguments(of definition: ReportDefinition) async throws -> [String: String] {
        var arguments = try arguments()
        for parameter in definition.parameters where parameter.kind == .month && arguments[parameter.name] == "last" {
            arguments[parameter.name] = try await MonthChoice.last.month { try await reader.settings(database) }
                .description
        }
        return arguments
    }

    private func arguments() throws -> [String: String] {
        var arguments: [String: String] = [:]
        for text in param {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw DaybookError.usage("\"\(text)\" is no parameter; write it as --param name=value.")
            }
            let name = String(text[..<equals])
            guard arguments.updateValue(String(text[text.index(after: equals)...]), forKey: name) == nil else {
                throw DaybookError.usage("The parameter \(name) is given twice.")
            }
        }
        return arguments
    }
}
