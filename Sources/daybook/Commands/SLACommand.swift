import ArgumentParser
import Domain
import Foundation
import Ledger
import Postgres
import Reporting
import Schema

/// `daybook report sla`
struct SLACommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sla", abstract: "Write the SLA report of a month: what was promised, and how it went.",
        discussion: """
            Writes sla-MONTH.xlsx, sla-MONTH.html and the folder sla-MONTH/ of CSV files with manifest.json (with \
            --account: sla-SLUG-MONTH…; with --all: one of each customer). Everything is counted in one snapshot of \
            the database, which is only read. The same database and the same arguments give the same bytes.

            Examples:
              daybook report sla --month 2026-10
              daybook report sla --month 2026-10 --account customer3 --format html --output reports
              daybook report sla --month 2026-10 --database postgres://reader@db.example/service --strict
              daybook report sla --month 2026-10 --account customer3 --format pdf,csv --paper letter
              daybook report sla --month last --all --email --from service@example.org
              daybook report sla --month 2026-10 --watch --tell ops@example.org --from daybook@example.org
            """)

    @Option(
        help: ArgumentHelp("The calendar month, as 2026-10, or last: the last one that is over.", valueName: "month"),
        transform: MonthChoice.parse)
    var month: MonthChoice

    @Option(help: ArgumentHelp("Report this account alone, over its own month.", valueName: "slug"))
    var account: String?

    @Flag(help: "A report of every account, each over its own month and by its own contract.")
    var all = false

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

    @Flag(
        help: ArgumentHelp(
            "Record the figures of the month, once it is final, and of those before it that are not recorded: later "
                + "trends take them and count nothing again."))
    var record = false

    @Flag(
        help: ArgumentHelp(
            "Judge recorded months anew, and exit with 2 if one comes out differently. With --record, what differs is "
                + "recorded again."))
    var recount = false

    @Flag(
        help: ArgumentHelp(
            "Write no report: say which promises turned since the last look, and exit with 2 where one is lost, at "
                + "risk or behind."))
    var watch = false

    @Option(
        help: ArgumentHelp(
            "With --watch: send one message about the promises that turned. --outbox, --smtp and --sendmail say how.",
            valueName: "address"))
    var tell: String?

    @Flag(help: "Write no report: print the SQL of every figure with its values, to run in psql.")
    var sql = false

    @Option(
        help: ArgumentHelp(
            "Read the tasks over at most so many connections of one snapshot. Default: one per processor, "
                + "where there are enough tasks for it.", valueName: "count"),
        transform: Self.connectionCount)
    var connections: Int?

    @OptionGroup(title: "Sending")
    var mail: MailOptions

    @OptionGroup(title: "Output")
    var report: ReportOptions

    @OptionGroup(title: "Output")
    var definitions: ReportFolderOptions

    @OptionGroup(title: "Output")
    var paper: PaperOption

    @OptionGroup(title: "Database")
    var database: DatabaseOptions

    @OptionGroup(title: "Database")
    var reader: ReplicaOptions

    func validate() throws {
        guard !all || account == nil else { throw ValidationError("Name one --account, or --all of them, not both.") }
        guard !sql || !(all || mail.email) else { throw ValidationError("--sql prints the SQL of one report alone.") }
        guard !mail.email || all || account != nil else {
            throw ValidationError("--email sends a customer's own report: name one --account, or --all of them.")
        }
        try mail.check(report, tells: tell != nil)
        try checkWatch()
        guard !record || !(mail.dryRun || cutoff != nil) else {
            throw ValidationError(
                cutoff == nil
                    ? "--dry-run records nothing: leave out --record."
                    : "--record keeps what is final, which no --cutoff changes: leave it out.")
        }
        // Refused, not passed over: who gives them expects a report.
        let flags = [("--strict", strict), ("--record", record), ("--recount", recount)]
        let idle = (flags.filter(\.1).map(\.0) + report.given + (paper.paper == nil ? [] : ["--paper"])).first
        guard !sql || idle == nil else {
            throw ValidationError("--sql prints the SQL and writes no report: leave out \(idle ?? "").")
        }
    }

    @Sendable private static func connectionCount(_ text: String) throws -> Int {
        guard let count = Int(text), (1...Limits.reportConnections).contains(count) else {
            throw ValidationError("Name a number of connections from 1 to \(Limits.reportConnections), not \(text).")
        }
        return count
    }

    func run() async throws {
        let source = try await reader.settings(database)
        let month = try await month.month { source }
        let progress = Progress(isQuiet: report.quiet || sql)
        let request = SLARequest(
            month: month, account: account, cutoff: cutoff, records: record, recounts: recount)
        let folder = try definitionFolder()
        let isForeign = folder != (try InstalledFiles.folder("reports")) + "/sla"
        guard !record || !isForeign else {
            throw DaybookError.usage(
                "--record keeps what the report's own queries count, not those of \(folder): leave out --reports.")
        }
        let settings = SLAReport.Settings(
            definitionFolder: folder, isForeignDefinition: isForeign,
            templates: try report.templateSet(), output: report.output, mode: report.permissions.mode,
            formats: report.format, paper: try paper.size(), includesTasks: tasks, programVersion: Version.current,
            statementTimeoutMilliseconds: (report.statementTimeout ?? 0) * 1000, connections: connections)
        let sla = SLAReport(request, settings: settings)
        if sql {
            let script = try await reader.withConnections(database, source, records: false) { reading, _ in
                try await sla.script(reading)
            }
            Terminal.show(script)
            return
        }
        guard !watch else { return try await watch(sla, of: month, source) }
        guard !mail.dryRun else { return try await rehearse(sla, of: month, source) }
        let outgoing = mail.email ? try outgoing(month) : nil
        let (outcomes, recorded, sent) = try await reader.withConnections(
            database, source, records: outgoing != nil || record
        ) { reading, recording in
            if record { try await SLAReport.requireRecording(recording) }
            let outcomes =
                if mail.email {
                    try await sla.runAddressed(ofEach: all, reading) { progress.tell($0) }
                } else if all {
                    try await sla.runEach(reading) { progress.tell($0) }
                } else {
                    [try await sla.run(reading) { progress.tell($0) }]
                }
            let recorded = record ? try await RecordedListing.record(outcomes, recording) : nil
            return (outcomes, recorded, await outgoing?.delivery.run(outgoing?.mail.items(outcomes) ?? [], recording))
        }
        progress.finish()
        if all { show(outcomes, of: month) } else { for outcome in outcomes { show(outcome, of: month) } }
        if let recorded { RecordedListing.show(recorded) }
        RecordedListing.say(outcomes, isRecorded: record)
        SilentProbers.say(outcomes)
        if let sent { try MailOptions.show(sent) }
        if outcomes.contains(where: { $0.findings.contains(where: \.isDifference) }) {
            throw ExitCode(FailureKind.breachExitCode)
        }
        if strict && outcomes.contains(where: \.summary.hasBreach) { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func outgoing(_ month: Month) throws -> (mail: SLAMail, delivery: MailDelivery) {
        (
            SLAMail(
                month: month, from: try mail.sender(),
                letter: try MailOptions.letter("sla", templates: report.templates)),
            try mail.delivery(month: month, output: report.output, mode: report.permissions.mode)
        )
    }

    /// Lists to whom which report would go. Nothing is written, sent or recorded.
    private func rehearse(_ sla: SLAReport, of month: Month, _ source: ConnectionSettings) async throws {
        let outgoing = try outgoing(month)
        let (outcomes, previews) = try await reader.withConnections(database, source, records: false) { reading, _ in
            let outcomes = try await sla.preview(ofEach: all, reading)
            return (outcomes, try await outgoing.delivery.preview(outgoing.mail.items(outcomes), reading))
        }
        SilentProbers.say(outcomes)
        let messages = zip(outcomes, previews).map { outcome, preview in
            MailOptions.Rehearsed(
                preview,
                facts: Self.verdicts.map { String(outcome.summary.count($0)) } + [
                    outcome.summary.status
                ])
        }
        try MailOptions.show(
            messages, title: "Service levels of \(month)",
            facts: [.number("kept"), .number("broken"), .number("not judged"), "status"])
    }

    private static let verdicts: [Verdict] = [.pass, .breach, .insufficientData]

    private func show(_ outcomes: [SLAReport.Outcome], of month: Month) {
        var table = TextTable(columns: ["account", "status", .number("kept"), .number("broken"), .number("not judged")])
        for outcome in outcomes {
            table.add(
                [outcome.account?.slug ?? "", outcome.summary.status]
                    + Self.verdicts.map { String(outcome.summary.count($0)) })
        }
        Terminal.show("Service levels of \(month), customer by customer")
        table.show()
        Terminal.show("")
        for file in outcomes.flatMap(\.files) where file.hasSuffix("manifest.json") { Terminal.show(file) }
    }

    /// The last of the report folders that has an SLA report of its own.
    private func definitionFolder() throws -> String {
        let folders = try definitions.folders().map { $0 + "/sla" }
        guard let folder = folders.last(where: { FileManager.default.fileExists(atPath: $0 + "/completion.sql") })
        else {
            throw DaybookError.configuration(
                "The definition of the SLA report is not installed; run make install again.")
        }
        return folder
    }

    private func show(_ outcome: SLAReport.Outcome, of month: Month) {
        var table = TextTable(columns: [
            "promise", "subject", .number("target %"), .number("good"), .number("valid"), .number("attained %"),
            "verdict",
        ])
        for promise in outcome.summary.promises {
            table.add([
                promise.name.rawValue, promise.subject, promise.target?.description ?? "",
                String(promise.attainment.good), String(promise.attainment.valid),
                promise.attained?.description ?? "", outcome.summary.verdictText(of: promise),
            ])
        }
        let subject = account ?? "all customers"
        Terminal.show("Service levels of \(month), \(subject), \(outcome.summary.status)")
        table.show()
        Terminal.show("")
        Terminal.show(outcome.summary.sentence)
        Terminal.show("")
        if let page = outcome.files.first(where: { $0.hasSuffix(".html") }) {
            Terminal.show("Open first: \(page)")
        }
        for file in outcome.files where !file.hasSuffix(".html") { Terminal.show(file) }
    }
}
