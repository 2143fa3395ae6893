import ArgumentParser
import Domain
import Foundation
import Reporting

/// `daybook report sla`
struct SLACommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sla", abstract: "Write the SLA report of a month: what was promised, and how it went.",
        discussion: """
            Writes sla-MONTH.xlsx, sla-MONTH.html and the folder sla-MONTH/ of CSV files with manifest.json (with \
            --account: sla-SLUG-MONTH…). Everything is counted in one snapshot of the database, which is only read. \
            The same database and the same arguments give the same bytes.

            Examples:
              daybook report sla --month 2026-10
              daybook report sla --month 2026-10 --account customer3 --format html --output reports
              daybook report sla --month 2026-10 --database postgres://reader@db.example/service --strict
            """)

    @Option(
        help: ArgumentHelp("The calendar month, as 2026-10, or last: the last one that is over.", valueName: "month"),
        transform: MonthChoice.parse)
    var month: MonthChoice

    @Option(help: ArgumentHelp("Report this account alone, over its own month.", valueName: "slug"))
    var account: String?

    @Option(
        help: ArgumentHelp(
            "Judge as of this instant (2026-11-01T00:00:00Z). Default: the earlier of now and the month's finality.",
            valueName: "instant"),
        transform: Arguments.instant)
    var cutoff: Instant?

    @Flag(inversion: .prefixedNo, help: "Write the drill-down, a row a task, into the workbook and the CSV files.")
    var tasks = true

    @Flag(help: "Exit with 2 if a promise is broken.")
    var strict = false

    @Flag(help: "Write no report: print the SQL of every figure with its values, to run in psql.")
    var sql = false

    @OptionGroup(title: "Output")
    var report: ReportOptions

    @OptionGroup(title: "Database")
    var database: DatabaseOptions

    func run() async throws {
        if let account, !Account.isSlug(account) {
            throw DaybookError.usage("\"\(account.prefix(80))\" is not the slug of an account.")
        }
        let month = try await month.month(database)
        let progress = Progress(isQuiet: report.quiet || sql)
        let request = SLARequest(month: month, account: account, cutoff: cutoff)
        let folder = try definitionFolder()
        let settings = SLAReport.Settings(
            definitionFolder: folder, isForeignDefinition: folder != (try InstalledFiles.folder("reports")) + "/sla",
            templates: try report.templateSet(), output: report.output, mode: report.permissions.mode,
            formats: report.format, includesTasks: tasks, programVersion: Version.current,
            statementTimeoutMilliseconds: (report.statementTimeout ?? 0) * 1000)
        let sla = SLAReport(request, settings: settings)
        if sql {
            let script = try await database.withConnection { try await sla.script($0) }
            Terminal.show(script)
            return
        }
        let outcome = try await database.withConnection { connection in
            try await sla.run(connection) { progress.tell($0) }
        }
        progress.finish()
        show(outcome, of: month)
        if strict && outcome.hasBreach { throw ExitCode(FailureKind.breachExitCode) }
    }

    /// The last of the report folders that has an SLA report of its own.
    private func definitionFolder() throws -> String {
        let folders = try report.reportFolders().map { $0 + "/sla" }
        guard let folder = folders.last(where: { FileManager.default.fileExists(atPath: $0 + "/completion.sql") })
        else {
            throw DaybookError.configuration(
                "The definition of the SLA report is not installed; run make install again.")
        }
        return folder
    }

    private func show(_ outcome: SLAReport.Outcome, of month: Month) {
        var table = TextTable(
            ["promise", "subject", "target %", "good", "valid", "attained %", "verdict"], rightAligned: [2, 3, 4, 5])
        for row in outcome.promises.rows {
            let cells = row.map(\.plainText)
            table.add([cells[0], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7]])
        }
        let subject = account ?? "all customers"
        Terminal.show("Service levels of \(month), \(subject), \(outcome.isFinal ? "final" : "preliminary")")
        table.show()
        Terminal.show("")
        Terminal.show(outcome.sentence)
        Terminal.show("")
        for file in outcome.files { Terminal.show(file) }
    }
}
