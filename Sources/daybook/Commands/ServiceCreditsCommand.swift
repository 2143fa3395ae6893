import ArgumentParser
import Documents
import Domain
import Foundation
import Ledger
import MonthEnd
import Postgres
import Schema

/// `daybook sla …`
struct ServiceLevelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sla", abstract: "What follows from a promise that was broken.",
        discussion: "The report itself: daybook report sla.", subcommands: [ServiceCreditsCommand.self])
}

/// `daybook sla credits …`
struct ServiceCreditsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credits", abstract: "Service credits: offered, asked for, granted or declined.",
        discussion: """
            A credit is offered when the month is approved, or with offer; the customer asks for it in time \
            (request); it is granted, off the next monthly fee or as credits that are booked, or declined with a \
            reason. Each step is recorded once: the same one again changes nothing. What is granted stands in the \
            statement of the customer's month that it is granted in.

            Examples:
              daybook sla credits list --month last
              daybook sla credits request --month 2026-10 --account customer5 --reference 'mail of 5 November'
              daybook sla credits grant --month 2026-10 --account customer5 --as fee
              daybook sla credits decline --month 2026-10 --account customer5 --reason 'the outage was announced'
            """,
        subcommands: [List.self, Offer.self, Request.self, Grant.self, Decline.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List who was offered what, how it stands, and what is due next.")

        enum Form: String, ExpressibleByArgument, CaseIterable {
            case table, csv, json
        }

        @Option(
            help: ArgumentHelp(
                "This month alone, as 2026-10, or last: the last one that is over.", valueName: "month"),
            transform: MonthChoice.parse)
        var month: MonthChoice?
        @Option(help: ArgumentHelp("This account alone.", valueName: "slug")) var account: String?
        @Option(help: "The form of the list.") var format = Form.table
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let source = try await database.settings()
            let month = try await month?.month { source }
            let slug = account
            var options = TransactionOptions.snapshot
            options.notesReplay = true
            let (records, now) = try await DatabaseOptions.withConnection(source) { [options] connection in
                try await connection.transaction(options) { session in
                    let book = ServiceCreditBook(session)
                    try book.requirePlace()
                    let userID = try slug.map { try AccountNames(session).require($0).userID }
                    return (try book.records(month: month, userID: userID), try session.snapshotInstant())
                }
            }
            switch format {
            case .table: ServiceCreditListing.show(records, at: now)
            case .csv: try write(CSVEncoder.encode(ServiceCreditListing.table(records, at: now)))
            case .json: try write(ServiceCreditListing.table(records, at: now).json)
            }
        }

        private func write(_ bytes: [UInt8]) throws { try OutputFile.write(bytes, to: nil, mode: .ownerOnly) }
    }

    struct Offer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record the offers of a final month; month approve does it too.",
            discussion: """
                Works the SLA reports of all customers out, and records for whom they say that a credit is due. \
                What was offered before stays as it was; where the report says something else now, it is named, and \
                the exit code is 2. Refused with 75 before the month is final.
                """)

        @Option(
            help: ArgumentHelp("The month, as 2026-10, or last: the last one that is over.", valueName: "month"),
            transform: MonthChoice.parse)
        var month: MonthChoice
        @OptionGroup var author: ServiceCreditAuthor
        @OptionGroup var trial: TrialOption
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let source = try await database.settings()
            let month = try await month.month { source }
            let settings = MonthRun.Settings(
                definitionFolder: try InstalledFiles.folder("reports"),
                templates: try TemplateSet(folders: [try InstalledFiles.folder("templates")]), folder: ".",
                mode: .ownerOnly, issuer: "", author: author.name, programVersion: Version.current,
                statementTimeoutMilliseconds: 0)
            let isTrial = trial.dryRun
            let offerings = try await DatabaseOptions.withConnection(source) { connection in
                try await ServiceCreditOffering(MonthRun(month, settings: settings)).offer(connection, isTrial: isTrial)
            }
            try ServiceCreditListing.show(offerings, of: month, isTrial: isTrial)
        }
    }

    struct Request: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record that a customer asked for its credit.",
            discussion: """
                A request after the last day is refused with 65, unless --late-because says why it is taken. Without \
                --at it was asked for now.
                """)

        @OptionGroup var subject: ServiceCreditSubject
        @Option(help: ArgumentHelp("The customer's mail or ticket.", valueName: "text")) var reference: String
        @Option(
            help: ArgumentHelp(
                "When it was asked for: an instant, or a date (its midnight in UTC). Default: now.",
                valueName: "instant"), transform: Arguments.instant)
        var at: Instant?
        @Option(help: ArgumentHelp("Why a late request is taken all the same.", valueName: "text"))
        var lateBecause: String?
        @OptionGroup var author: ServiceCreditAuthor
        @OptionGroup var trial: TrialOption
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            try HoldCommand.require(reference, "--reference")
            if let lateBecause { try HoldCommand.require(lateBecause, "--late-because") }
        }

        func run() async throws {
            let step = ServiceCreditStep(subject: subject, author: author, trial: trial)
            let (reference, at, reason) = (reference, at, lateBecause)
            try await step.take(database) { _, now in
                .request(ServiceCreditLife.Request(reference: reference, askedAt: at ?? now, lateBecause: reason))
            }
        }
    }

    struct Grant: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Grant a credit that was asked for: off the next fee, or as credits that are booked.",
            discussion: """
                --as fee takes dollars off the monthly fee, from the month of the grant on; what a fee cannot take \
                comes off the next one. --as credits books --credits N as a bonus that never expires: how many is \
                said, never worked out, and they may be worth at most what was offered, at the list price by the \
                credit.

                Examples:
                  daybook sla credits grant --month 2026-10 --account customer5 --as fee --dry-run
                  daybook sla credits grant --month 2026-10 --account customer5 --as fee --usd 20
                  daybook sla credits grant --month 2026-10 --account customer5 --as credits --credits 900
                """)

        enum Form: String, ExpressibleByArgument, CaseIterable {
            case fee, credits
        }

        @OptionGroup var subject: ServiceCreditSubject
        @Option(name: .customLong("as"), help: "In which form.") var form: Form
        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("With --as fee: less than what was offered.", valueName: "amount"),
            transform: { text in
                guard let amount = Dollars(text), amount > .zero, amount.micros % 10_000 == 0 else {
                    throw DaybookError.usage("it must be an amount of dollars in whole cents, such as 20 or 12.50")
                }
                return amount
            })
        var usd: Dollars?
        @Option(
            parsing: .unconditional, help: ArgumentHelp("With --as credits: how many.", valueName: "n"),
            transform: WholeNumber.within(Limits.bookedCredits))
        var credits: Int64?
        @OptionGroup var author: ServiceCreditAuthor
        @OptionGroup var trial: TrialOption
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws {
            switch form {
            case .fee:
                guard credits == nil else { throw ValidationError("--credits goes with --as credits alone.") }
            case .credits:
                guard usd == nil else { throw ValidationError("--usd goes with --as fee alone.") }
                guard credits != nil else { throw ValidationError("Say with --credits how many credits are booked.") }
            }
        }

        func run() async throws {
            let (usd, credits) = (usd, credits)
            try await ServiceCreditStep(subject: subject, author: author, trial: trial).take(database) { record, _ in
                .decide(.granted(credits.map { .credits($0) } ?? .fee(usd ?? record.offer.amount)))
            }
        }
    }

    struct Decline: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Decline a credit that was asked for.")

        @OptionGroup var subject: ServiceCreditSubject
        @Option(help: ArgumentHelp("Why.", valueName: "text")) var reason: String
        @OptionGroup var author: ServiceCreditAuthor
        @OptionGroup var trial: TrialOption
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func validate() throws { try HoldCommand.require(reason, "--reason") }

        func run() async throws {
            let reason = reason
            try await ServiceCreditStep(subject: subject, author: author, trial: trial).take(database) { _, _ in
                .decide(.declined(reason: reason))
            }
        }
    }
}

/// Whose credit, and of which month.
struct ServiceCreditSubject: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The month that it was offered for, as 2026-10, or last: the last one that is over.", valueName: "month"),
        transform: MonthChoice.parse)
    var month: MonthChoice
    @Option(help: ArgumentHelp("The account's slug.", valueName: "slug")) var account: String
}

/// Who takes a step.
struct ServiceCreditAuthor: ParsableArguments {
    @Option(help: ArgumentHelp("Who does it. Default: the name of the user who runs this.", valueName: "name"))
    var author: String = NSUserName()

    var name: String { author }

    func validate() throws {
        guard (1...Limits.keyNameLength).contains(author.count), !author.contains(where: \.isNewline),
            !author.allSatisfy(\.isWhitespace)
        else {
            throw ValidationError("--author is a name in one line, of at most \(Limits.keyNameLength) characters.")
        }
    }
}

/// Says what would be done, without doing it.
struct TrialOption: ParsableArguments {
    @Flag(name: .customLong("dry-run"), help: "Record nothing: say what would become of it.")
    var dryRun = false
}
