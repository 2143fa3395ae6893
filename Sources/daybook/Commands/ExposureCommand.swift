import ArgumentParser
import Documents
import Domain
import Ledger

/// `daybook exposure`
struct ExposureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exposure",
        abstract: "Show where frozen credit is, what nobody knows of, and what was rendered after its refund.",
        discussion: """
            Every frozen credit has a task with a deadline, waits for its refund or its settlement, or is of a batch \
            that the application runs. What is none of these is unexplained, and what is later than its deadline \
            allows is overdue: then it exits with 2.

            Examples:
              daybook exposure
              daybook exposure --account customer5
              daybook exposure --format csv --output exposure.csv
            """)

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case table, csv, json
    }

    @Option(help: ArgumentHelp("Show this account alone.", valueName: "slug"))
    var account: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The days for which late successes are listed. Default: \(Limits.lateSuccessDays).", valueName: "days"),
        transform: WholeNumber.within(Limits.retentionDaysRange))
    var lateDays: Int64 = Limits.lateSuccessDays

    @Option(help: "The form.")
    var format = Form.table

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write. Default: standard output.", valueName: "file"))
    var output: String?

    @OptionGroup var permissions: ModeOption
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws { try permissions.require(output: output) }

    func run() async throws {
        let exposure = CreditExposure(
            definitionFolder: try InstalledFiles.folder("reports"), account: account, lateDays: lateDays)
        let report = try await database.withConnection { try await exposure.run($0) }
        let bytes =
            switch format {
            case .table: Array((text(report).joined(separator: "\n") + "\n").utf8)
            case .csv: CSVEncoder.encode(report.table)
            case .json: try report.json()
            }
        try OutputFile.write(bytes, to: output, mode: permissions.mode)
        if !report.findings.isEmpty { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func text(_ report: ExposureReport) -> [String] {
        let tables = [
            report.accountTable, report.ageTable,
            report.table(of: .unknown, title: "Nobody knows whether it was taken"),
            report.table(of: .lateSuccess, title: "Rendered after the refund"),
            report.table(of: .secondTask, title: "Second tasks of one submission at the provider"),
            report.table(of: .namedID, title: "Ids that were named and not borne out yet"), report.findingTable,
        ]
        let shown = tables.filter { !$0.rows.isEmpty }.flatMap { table in
            [table.title] + table.withoutEmptyColumns.text.lines + [""]
        }
        let credits = report.totals.reduce(0) { $0 + $1.frozen }
        let findings = report.findings.count
        let verdict = findings == 0 ? "all of it explained" : "\(findings) finding\(findings == 1 ? "" : "s")"
        return shown + ["\(credits) credits are frozen, \(verdict), as of \(report.snapshotAt)."]
    }
}
