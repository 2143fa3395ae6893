import ArgumentParser
import Codecs
import Console
import Documents
import Domain
import Foundation
import Ledger
import Postgres
import Reporting

/// `daybook report statement`
struct StatementCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statement", abstract: "Write a customer's statement of a month, or everybody's.",
        discussion: """
            Writes statement-SLUG-MONTH.xlsx, statement-SLUG-MONTH.html and the folder statement-SLUG-MONTH/ of CSV \
            files with manifest.json, for one account or for all of them in one pass over the ledger. The month is \
            the account's own. A month that was closed is written as it was closed.

            Examples:
              daybook report statement --month 2026-10 --account customer5
              daybook report statement --month 2026-10 --all --output statements --key statement.key
              daybook report statement --month 2026-10 --account customer5 --format pdf,csv --paper letter
            """)

    @Option(
        help: ArgumentHelp("The calendar month, as 2026-10, or last: the last one that is over.", valueName: "month"),
        transform: MonthChoice.parse)
    var month: MonthChoice

    @Option(help: ArgumentHelp("The account.", valueName: "slug"))
    var account: String?

    @Flag(help: "Every account.")
    var all = false

    @Option(
        help: ArgumentHelp(
            "Judge as of this instant (2026-11-01T00:00:00Z). Default: the earlier of now and the month's finality.",
            valueName: "instant"), transform: Arguments.instant)
    var cutoff: Instant?

    @Option(help: ArgumentHelp("Sign the manifest with the key in this file.", valueName: "file"))
    var key: String?

    @Flag(help: "Exit with 2 if a statement is not whole.")
    var strict = false

    @OptionGroup var issuer: IssuerOptions
    @OptionGroup(title: "Output") var paper: PaperOption
    @OptionGroup(title: "Sending") var mail: MailOptions
    @OptionGroup(title: "Sending") var acceptance: AcceptOptions
    @OptionGroup(title: "Output") var report: ReportOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions
    @OptionGroup(title: "Database") var reader: ReplicaOptions

    func validate() throws {
        guard all != (account != nil) else { throw ValidationError("Name one --account, or --all of them.") }
        try mail.check(report)
        guard mail.email || acceptance.accept.isEmpty else {
            throw ValidationError(
                "--accept is for what is sent: say --email with it, or accept it in daybook close month.")
        }
        guard reader.replica == nil || acceptance.accept.isEmpty else {
            throw ValidationError(
                "--accept is recorded in the database, and a standby hears of it later: leave --replica out.")
        }
    }

    func run() async throws {
        let source = try await reader.settings(database)
        let month = try await month.month { source }
        let progress = Progress(isQuiet: report.quiet)
        let settings = StatementReport.Settings(
            definitionFolder: try InstalledFiles.folder("reports"), templates: try report.templateSet(),
            output: report.output, mode: report.permissions.mode, formats: report.format,
            key: try key.map(KeyFile.signingKey), issuer: try issuer.line(),
            issuerVATID: try issuer.vatID(), paper: try paper.size(), programVersion: Version.current,
            statementTimeoutMilliseconds: (report.statementTimeout ?? 0) * 1000)
        let statements = StatementReport(
            StatementRequest(month: month, account: account, cutoff: cutoff), settings: settings)
        guard !mail.dryRun else { return try await rehearse(statements, of: month, source) }
        let outgoing = mail.email ? try outgoing(month) : nil
        let (outcomes, sent) = try await reader.withConnections(database, source, records: outgoing != nil) {
            reading, recording in
            try await acceptance.record(month, settings, recording)
            let outcomes =
                if all {
                    try await DatabaseOptions.withFurtherConnections(
                        StatementReport.furtherConnections, source, beside: reading
                    ) { further in
                        try await statements.run(reading, beside: further) { progress.tell($0) }
                    }
                } else {
                    try await statements.run(reading) { progress.tell($0) }
                }
            let sent = await outgoing?.delivery.run(outgoing?.mail.items(outcomes) ?? [], recording)
            return (outcomes, sent)
        }
        progress.finish()
        show(outcomes, of: month, collected: statements.collectedFiles)
        if let sent { try MailOptions.show(sent) }
        if strict && !outcomes.allSatisfy(\.isWhole) { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func outgoing(_ month: Month) throws -> (mail: StatementMail, delivery: MailDelivery) {
        (
            StatementMail(
                month: month, from: try mail.sender(),
                letter: try MailOptions.letter("statement", templates: report.templates)),
            try mail.delivery(month: month, output: report.output, mode: report.permissions.mode)
        )
    }

    /// Lists to whom which statement would go. Nothing is written, sent or recorded.
    private func rehearse(
        _ statements: StatementReport, of month: Month, _ source: ConnectionSettings
    ) async throws {
        let outgoing = try outgoing(month)
        let (outcomes, previews) = try await reader.withConnections(database, source, records: false) { reading, _ in
            let outcomes = try await statements.preview(reading)
            return (outcomes, try await outgoing.delivery.preview(outgoing.mail.items(outcomes), reading))
        }
        let messages = zip(outcomes, previews).map { outcome, preview in
            let accepted = acceptance.accept.contains(outcome.account.slug)
            var message = MailOptions.Rehearsed(
                preview,
                facts: [
                    outcome.summary[.delivered].map(String.init) ?? "",
                    outcome.summary[.closingBalance].map(String.init) ?? "",
                    outcome.isWhole
                        ? "yes" : outcome.isAccepted || accepted ? "accepted" : "no: \(outcome.differences)",
                ])
            if accepted && !outcome.mayGoOut { message.remark = "would be accepted and handed over" }
            message.isDone = preview.isDone || accepted
            return message
        }
        try MailOptions.show(
            messages, title: "Statements of \(month), in credits",
            facts: [.number("drawn"), .number("closing"), "whole"])
        guard !strict || outcomes.allSatisfy(\.isWhole) else { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func show(_ outcomes: [StatementReport.Outcome], of month: Month, collected: [String]) {
        var table = TextTable(columns: [
            "account", "status", .number("opening"), .number("closing"), .number("entries"), .number("unreconciled"),
            .number("expired unbooked"), .number("unexplained"),
        ])
        for outcome in outcomes {
            func text(_ line: StatementLine) -> String { outcome.summary[line].map(String.init) ?? "" }
            table.add([
                outcome.account.slug, outcome.isClosed ? "closed" : outcome.isFinal ? "final" : "preliminary",
                text(.openingBalance), text(.closingBalance), String(outcome.entries), text(.unreconciled),
                text(.expiredUnbooked), text(.unexplained),
            ])
        }
        Terminal.show("Statements of \(month)")
        table.show()
        let broken = outcomes.count { !$0.isWhole }
        Terminal.show("")
        Terminal.show(
            broken == 0
                ? "All of them are reconciled to the last credit."
                : "\(broken) of \(outcomes.count) are not whole: their differences.csv says what is to blame.")
        Terminal.show("")
        let files = outcomes.flatMap(\.files).filter { outcomes.count == 1 || $0.hasSuffix("manifest.json") }
        for file in files + collected { Terminal.show(file) }
    }
}

/// Whose differences are accepted.
struct AcceptOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Let this account's statement go out although it is not whole; may be given again. Recorded with --reason, "
                + "in the manifest too.", valueName: "slug"))
    var accept: [String] = []

    @Option(help: ArgumentHelp("Why what is not whole is accepted.", valueName: "text"))
    var reason: String?

    func validate() throws {
        guard accept.isEmpty == (reason == nil) else {
            throw ValidationError("--accept and --reason go together.")
        }
    }

    /// Records what was accepted, where something was.
    func record(_ month: Month, _ settings: StatementReport.Settings, _ connection: Connection) async throws {
        guard let reason else { return }
        try await StatementAccepting(month: month, slugs: accept, reason: reason, settings: settings).run(connection)
    }
}

/// Who issues a statement.
struct IssuerOptions: ParsableArguments {
    /// Characters that fit into one line of the page and the workbook.
    private static let longest = 200

    @Option(
        help: ArgumentHelp(
            "Who issues the statements, as the customer shall read it; default DAYBOOK_ISSUER.",
            valueName: "name, address"))
    var issuer: String?

    @Option(
        help: ArgumentHelp(
            "The issuer's number for value added tax; default DAYBOOK_ISSUER_VAT_ID.", valueName: "number"))
    var issuerVatId: String?

    /// Empty where nobody says so. Throws `usage` for what is not one short line.
    func line() throws -> String { try Self.line(issuer, .issuer, "The issuer") }

    /// The same of the issuer's number for value added tax.
    func vatID() throws -> String {
        try Self.line(issuerVatId, .issuerVATID, "The issuer's number for value added tax")
    }

    private static func line(_ given: String?, _ setting: Setting, _ what: String) throws -> String {
        let line = given ?? setting.value() ?? ""
        guard line.count <= longest, !line.contains(where: \.isNewline) else {
            throw DaybookError.usage("\(what) is one line of at most \(longest) characters.")
        }
        return line
    }
}

/// `daybook report check`
struct CheckStatementCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a statement that you were given: whether it is genuine and adds up.",
        discussion: """
            Needs no database. Recomputes the sums, the balances, the digests, the chain and the signature, and says \
            in one line what came of it, and of each file whether it is genuine. Workbook and page are looked for in \
            the folder and beside it, also under the names that a message gave them. Exits with 65 and the reason \
            where the statement is refused.

            Examples:
              daybook report check statement-customer5-2026-10 --key daybook.pub
              daybook report check 'Kranich GmbH 2026-10.zip' --key daybook.pub
            """)

    @Argument(
        help: "The folder with manifest.json, the archive that was mailed, or manifest.json itself.",
        completion: .file())
    var statement: String

    @Argument(help: "Further files that must be of that statement, whatever their names are.", completion: .file())
    var files: [String] = []

    @Option(help: ArgumentHelp("The public key that must have signed it.", valueName: "file"))
    var key: String?

    func run() async throws {
        let check = StatementCheck(statement, further: files, trusted: try key.map(KeyFile.verifyingKey))
        let outcome = try check.run()
        for file in outcome.files { Terminal.say("daybook: \(file.path) \(file.state.rawValue).") }
        switch outcome.standing {
        case .trusted: break
        case .unsigned:
            Terminal.say("daybook: It carries no signature: whoever made these files could have made others.")
        case .signed(let key):
            Terminal.say(
                "daybook: Signed with the key \(key); compare it with the one that you were given, or use --key.")
        }
        if let refusal = outcome.refusal { throw refusal }
        Terminal.show(outcome.sentence)
    }
}
