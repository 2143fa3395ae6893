import ArgumentParser
import Console
import Domain
import Foundation
import Ledger
import Postgres

/// `daybook report focus`
struct FocusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "focus", abstract: "Write a month's charges as FOCUS 1.2, for a tool that reads all costs.",
        discussion: """
            Writes the folder focus-MONTH/ (focus-SLUG-MONTH/ for one account) with focus.csv and manifest.json. A \
            purchase of credits is billed, what a batch used costs what its credits had cost; the month is each \
            account's own, and its costs are those of its statement, to the millionth of a dollar. docs/exports.md \
            says what stands in which column.

            Examples:
              daybook report focus --month 2026-10 --all --issuer 'Kestrel Frames GmbH'
              daybook report focus --month last --account customer5 --issuer 'Kestrel Frames GmbH' --output exports
            """)

    @OptionGroup var issuer: IssuerOptions
    @OptionGroup var request: ExportOptions

    func run() async throws {
        let line = try issuer.line()
        try await request.run(title: "FOCUS") { try FocusReport($0, settings: $1, issuer: line).run }
    }
}

/// `daybook report journal`
struct JournalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal", abstract: "Write a month as double entry, for the general ledger.",
        discussion: """
            Writes the folder journal-MONTH/ (journal-SLUG-MONTH/ for one account) with journal.csv, a line a debit or \
            credit, and manifest.json; with --format also a file for hledger and ledger, and one for beancount. \
            Purchases become deferred revenue, which is at any moment what the unspent purchased credits cost; the end \
            of a batch makes revenue of what it used. What the accounts are called is in a file that \
            --example-accounts shows; docs/exports.md explains each.

            Examples:
              daybook report journal --month 2026-10 --all
              daybook report journal --example-accounts > accounts-of-the-ledger.csv
              daybook report journal --month last --all --accounts accounts-of-the-ledger.csv --format csv,hledger
            """)

    @Option(
        help: ArgumentHelp(
            "What the accounts of the general ledger are called. Default: names that --example-accounts shows.",
            valueName: "file"), completion: .file())
    var accounts: String?

    @Flag(help: "Show the default names of the accounts, as a file to begin with, and do nothing else.")
    var exampleAccounts = false

    @Flag(help: "Begin with each account's balances at the beginning of the month: for the first month that is booked.")
    var opening = false

    @Option(
        help: ArgumentHelp(
            "The forms to write, separated by commas. Default: csv.", valueName: "csv,hledger,beancount"),
        transform: JournalCommand.forms)
    var format: Set<JournalForm> = [.csv]

    @OptionGroup var request: ExportOptions

    func validate() throws {
        if !exampleAccounts { try request.check() }
    }

    func run() async throws {
        guard !exampleAccounts else {
            return try OutputFile.write(JournalAccounts.standard.file, to: nil, mode: .ownerOnly)
        }
        let named = try accounts.map {
            try JournalAccounts(try InputFile.bytes($0, atMost: Limits.journalMappingBytes))
        }
        try await request.run(title: "Journal") { asked, settings in
            JournalReport(
                asked, settings: settings, accounts: named ?? .standard, forms: format, opens: opening
            ).run
        }
    }

    @Sendable private static func forms(_ text: String) throws -> Set<JournalForm> {
        try Set(
            text.split(separator: ",", omittingEmptySubsequences: false).map { name in
                guard let form = JournalForm(rawValue: String(name)) else {
                    throw ValidationError("There is no format \"\(name)\"; choose among csv, hledger and beancount.")
                }
                return form
            })
    }
}

/// Which month of whom is exported, and where to.
struct ExportOptions: ParsableArguments {
    typealias Writing = (_ connection: Connection, _ progress: @escaping @Sendable (String) -> Void) async throws ->
        ExportOutcome

    @Option(
        name: .customLong("month"),
        help: ArgumentHelp("The calendar month, as 2026-10, or last: the last one that is over.", valueName: "month"),
        transform: MonthChoice.parse)
    var namedMonth: MonthChoice?

    @Option(help: ArgumentHelp("The account.", valueName: "slug"))
    var account: String?

    @Flag(help: "Every account.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "Judge as of this instant (2026-11-01T00:00:00Z). Default: the earlier of now and the month's finality.",
            valueName: "instant"), transform: Arguments.instant)
    var cutoff: Instant?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The folder to write to; made where it is missing. Default: the current one.", valueName: "dir")
    )
    var output: String?

    @OptionGroup var permissions: ModeOption

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Give a single query up after so many seconds; 0 for never. Default: never.", valueName: "seconds"),
        transform: WholeNumber.within(Limits.statementTimeoutSeconds))
    var statementTimeout: Int?

    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.")
    var quiet = false

    @OptionGroup(title: "Database") var database: DatabaseOptions
    @OptionGroup(title: "Database") var reader: ReplicaOptions

    /// Throws where it is not said which month of whom.
    func check() throws {
        guard namedMonth != nil else { throw ValidationError("Name the month: --month 2026-10, or --month last.") }
        guard all != (account != nil) else { throw ValidationError("Name one --account, or --all of them.") }
    }

    /// Writes an export and shows what it came to.
    func run(
        title: String, _ export: (StatementRequest, ExportSettings) throws -> Writing
    ) async throws {
        try check()
        guard let namedMonth else { return }
        let source = try await reader.settings(database)
        let month = try await namedMonth.month { source }
        let settings = ExportSettings(
            definitionFolder: try InstalledFiles.folder("reports"), output: output ?? ".", mode: permissions.mode,
            programVersion: Version.current, statementTimeoutMilliseconds: (statementTimeout ?? 0) * 1000)
        let writing = try export(StatementRequest(month: month, account: account, cutoff: cutoff), settings)
        let progress = Progress(isQuiet: quiet)
        let outcome = try await reader.withConnections(database, source, records: false) { reading, _ in
            try await writing(reading) { progress.tell($0) }
        }
        progress.finish()
        show(outcome, "\(title) of \(month), in USD")
    }

    private func show(_ outcome: ExportOutcome, _ title: String) {
        var table = TextTable(columns: ["account", "status"] + outcome.columns.map { .number($0) })
        for line in outcome.lines {
            table.add([line.account, line.isFinal ? "final" : "preliminary"] + line.figures)
        }
        Terminal.show(title)
        table.show()
        Terminal.show("")
        for remark in outcome.remarks { Terminal.show(remark) }
        if !outcome.remarks.isEmpty { Terminal.show("") }
        for file in outcome.files { Terminal.show(file) }
    }
}
