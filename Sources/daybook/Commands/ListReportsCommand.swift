import ArgumentParser
import Reporting

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
