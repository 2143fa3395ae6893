import ArgumentParser
import Documents
import Domain
import Foundation
import Postgres
import Reporting
import Retention

/// `daybook retention carry-forward`
struct CarryForwardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "carry-forward",
        abstract: "Replace months of the ledger that are ten years old by balances, and certify it.",
        discussion: """
            Ledger rows are never deleted by a customer's policy. When a month is older than the financial retention, \
            its rows go to an archive and a balance an owner and lot takes their place; every statement after it comes \
            out as before, and `ledger verify` finds what it found. Rows under a legal hold stay, and so do those of \
            batches that can still change.

            Only on a database whose ledger Daybook made; a deployment's ledger is refused. All of it happens, or \
            nothing. Look at the plan first: --dry-run changes nothing. Close the months before (daybook close month): \
            a statement that was not closed cannot be made again afterwards.

            Examples:
              daybook retention carry-forward --dry-run
              daybook retention carry-forward --yes --archive /srv/archive --archive-days 365
            """)

    @Flag(help: "Show the plan and change nothing.") var dryRun = false
    @Flag(help: "Do not ask.") var yes = false
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Whole years that ledger rows are kept, \(Limits.financialYearsRange.lowerBound) to "
                + "\(Limits.financialYearsRange.upperBound). Default: \(Limits.financialYears).", valueName: "years"),
        transform: WholeNumber.within(Limits.financialYearsRange))
    var years: Int64 = Limits.financialYears
    @OptionGroup(title: "Plan") var plan: PlanOptions
    @Option(help: ArgumentHelp("The folder of archives. Default: archive in DAYBOOK_HOME.", valueName: "dir"))
    var archive: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Days after which expire-archives destroys this run's archive. Default: \(Limits.archiveDays).",
            valueName: "days"),
        transform: WholeNumber.within(Limits.archiveDaysRange))
    var archiveDays: Int64 = Limits.archiveDays
    @Option(
        help: ArgumentHelp(
            "Encrypt the archive with the key in this file: 32 bytes, or 64 hexadecimal digits.", valueName: "file"))
    var keyFile: String?
    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.") var quiet = false
    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Certificates") var head: HeadOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        guard plan.account == nil else {
            throw ValidationError("The ledger is carried forward for everybody; there is no --account here.")
        }
        guard !plan.noRests else {
            throw ValidationError("The ledger is carried forward without rests; there is no --no-rests here.")
        }
    }

    func run() async throws {
        guard yes || dryRun || isatty(STDIN_FILENO) == 1 else {
            throw DaybookError.usage(
                "Nobody is there to ask, so nothing was replaced. Look at the plan with --dry-run, then say --yes.")
        }
        let settings = try settings()
        let display = PurgeDisplay(isQuiet: quiet)
        let done = try await database.withDirectConnection(for: "Carrying the ledger forward") {
            connection -> (CarryForward.Outcome, ChainHead)? in
            let carry = CarryForward(settings, years: years, connection) { display.tell($0) }
            let plan = try await carry.plan()
            if dryRun || !quiet || !yes { Self.show(plan) }
            guard !dryRun else { return nil }
            guard plan.rows == 0 || yes || Self.asked(plan) else {
                throw DaybookError(.failed, "Nothing was replaced.")
            }
            let outcome = try await carry.run(plan)
            let standing =
                outcome.certificate == nil
                ? "Nothing was to be replaced."
                : "Run \(outcome.run) has replaced \(outcome.rows) ledger rows, and that is certified."
            return (outcome, try await CertificateHead.read(connection.connection, after: standing))
        }
        display.finish()
        guard let (outcome, chain) = done else { return }
        if let certificate = outcome.certificate {
            Terminal.show(
                "\nRun \(outcome.run) replaced \(outcome.rows) ledger rows by \(outcome.balances) balances.")
            Terminal.show("Certificate \(certificate.sequence), SHA-256 \(certificate.sha256)")
        }
        for file in outcome.files { Terminal.show(file) }
        try await head.handOn(chain)
    }

    private func settings() throws -> PurgeSettings {
        try certificate.makeFolder()
        let folder = CertificateOptions.absolute(archive ?? CertificateOptions.home + "/archive")
        return PurgeSettings(
            asOf: plan.asOf, archive: try ArchivePlace(folder: folder, keyFile: keyFile, days: archiveDays),
            certificates: certificate.folder, mode: certificate.mode, templates: try certificate.templateSet(),
            signingKey: try certificate.signingKey(),
            programVersion: Version.current, host: Host.name, hostClock: Host.now)
    }

    private static func show(_ plan: CarryPlan) {
        Terminal.show(plan.table.title)
        guard plan.rows > 0 else {
            Terminal.show("Nothing is to be carried forward.")
            return
        }
        var table = TextTable(columns: [
            "month", .number("rows"), .number("held"), .number("open"), .number("owners"), .number("credits"),
            .number("balances"),
        ])
        for line in plan.lines {
            table.add(
                [line.month.description]
                    + [line.rows, line.heldRows, line.openRows, line.owners, line.credits, line.balances].map {
                        String($0)
                    })
        }
        table.show()
        Terminal.show(
            "\n\(plan.rows) rows of \(plan.lines.count) months would be replaced by \(plan.balances) balances. held: "
                + "kept for a legal hold; open: kept because their batch can still change, or a statement lists them.")
    }

    private static func asked(_ plan: CarryPlan) -> Bool {
        FileHandle.standardError.write(Data("\nReplace \(plan.rows) rows? Type the number to go on: ".utf8))
        return readLine(strippingNewline: true)?.trimmingCharacters(in: .whitespaces) == String(plan.rows)
    }
}
