import ArgumentParser

/// `daybook report …`
struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Write reports.",
        subcommands: [
            SLACommand.self, StatementCommand.self, CheckStatementCommand.self, ListReportsCommand.self,
            RunReportCommand.self,
        ])
}
