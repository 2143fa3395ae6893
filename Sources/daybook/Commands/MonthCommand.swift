import ArgumentParser
import Documents
import Domain
import Foundation
import Ledger
import MonthEnd
import Postgres
import Reporting

/// `daybook month …`
struct MonthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "month", abstract: "The end of a month: run it, look at it, approve it.",
        discussion: """
            run writes everybody's SLA reports and statements, and a page of what to look at; approve signs, closes \
            and sends what was looked at; status says what is done, by whom, and what is open.

            Examples:
              daybook month run last
              daybook month status last
              daybook month approve last --key statement.key --from finance@example.org
            """,
        subcommands: [Run.self, Approve.self, Status.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write everything of a month, and list what to look at before it is approved.",
            discussion: """
                In this order: are the probes, imports and tasks of the month there; is the ledger whole; the SLA \
                report for everybody and of each customer; everybody's statement; and month-MONTH/index.html, a page \
                with a line for each customer. Nothing is closed or sent. Exits with 2 where there is something to \
                look at. Running it again is harmless: the same database gives the same files.

                Examples:
                  daybook month run                              # the last month that is over
                  daybook month run 2026-10 --output /srv/months
                """)

        @Argument(
            help: "The month, as 2026-10, or last: the last one that is over. Default: last.",
            transform: MonthChoice.parse)
        var month: MonthChoice = .last
        @OptionGroup var options: MonthOptions
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let source = try await database.settings()
            let month = try await month.month { source }
            let progress = Progress(isQuiet: options.quiet)
            let run = MonthRun(month, settings: try options.settings(month))
            let outcome = try await DatabaseOptions.withConnection(source) { connection in
                try await DatabaseOptions.withFurtherConnections(
                    StatementReport.furtherConnections, source, beside: connection
                ) { further in
                    try await run.run(connection, beside: further) { progress.tell($0) }
                }
            }
            progress.finish()
            MonthListing.show(outcome)
            guard outcome.findings.isEmpty else { throw ExitCode(FailureKind.breachExitCode) }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which step of a month's end is done, by whom and when, and what is open.",
            discussion: "Exits with 2 where a step is open or late.")

        @Argument(
            help: "The month, as 2026-10, or last: the last one that is over. Default: last.",
            transform: MonthChoice.parse)
        var month: MonthChoice = .last
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let month = try await month.month(database.settings)
            let folder = try InstalledFiles.folder("reports")
            let status = try await database.withConnection {
                try await MonthStatus.read(month, definitionFolder: folder, $0)
            }
            var table = TextTable(columns: ["step", "state", "by", "at", "remark"])
            for line in status.lines {
                table.add([
                    line.step.title, line.state.rawValue, line.who, line.at?.description ?? "", line.remark,
                ])
            }
            Terminal.show("The end of \(month), \(status.isFinal ? "final since" : "final from") \(status.finalityAt)")
            table.show()
            guard status.isDone else { throw ExitCode(FailureKind.breachExitCode) }
        }
    }
}

/// What the commands of a month have in common: where its files go, and whose work it is.
struct MonthOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The folder that holds a folder month-MONTH for each month. Default: the current one.", valueName: "dir"))
    var output = "."

    @OptionGroup var permissions: ModeOption

    @Option(
        help: ArgumentHelp("A folder with further templates, which replace those of the same name.", valueName: "dir"))
    var templates: [String] = []

    @OptionGroup var issuer: IssuerOptions
    @OptionGroup var paper: PaperOption

    @Flag(help: "Print the page of every statement and SLA report as PDF too; the latter need Chromium.")
    var pdf = false

    @Option(help: ArgumentHelp("Who does it. Default: the name of the user who runs this.", valueName: "name"))
    var author: String = NSUserName()

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Give a single query up after so many seconds; 0 for never. Default: never.", valueName: "seconds"),
        transform: WholeNumber.within(Limits.statementTimeoutSeconds))
    var statementTimeout = 0

    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.")
    var quiet = false

    func validate() throws {
        guard (1...Limits.keyNameLength).contains(author.count), !author.contains(where: \.isNewline) else {
            throw ValidationError("--author is a name in one line, of at most \(Limits.keyNameLength) characters.")
        }
    }

    func settings(_ month: Month) throws -> MonthRun.Settings {
        MonthRun.Settings(
            definitionFolder: try InstalledFiles.folder("reports"),
            templates: try TemplateSet(folders: [try InstalledFiles.folder("templates")] + templates),
            folder: output + "/month-\(month)", mode: permissions.mode, issuer: try issuer.line(),
            issuerVATID: try issuer.vatID(), paper: try paper.size(), printsPages: pdf, author: author,
            programVersion: Version.current, statementTimeoutMilliseconds: statementTimeout * 1000)
    }
}

/// How a month is shown at a terminal.
enum MonthListing {
    static func show(_ outcome: MonthRun.Outcome) {
        Terminal.show("The end of \(outcome.month), \(outcome.isFinal ? "final" : "preliminary")")
        if !outcome.findings.isEmpty {
            var table = TextTable(columns: ["step", "finding", "what it is"])
            for finding in outcome.findings { table.add([finding.step.rawValue, finding.kind, finding.detail]) }
            table.show()
        }
        Terminal.show("")
        let count = outcome.findings.count
        Terminal.show(
            count == 0
                ? "Nothing is in the way; the next step: daybook month approve \(outcome.month)"
                : "\(count) \(count == 1 ? "thing" : "things") to look at.")
        Terminal.show("Open first: \(outcome.pagePath)")
    }
}
