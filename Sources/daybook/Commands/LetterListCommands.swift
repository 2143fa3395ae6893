import ArgumentParser
import Documents
import Domain
import Foundation
import Ledger
import Postgres

/// Which letters were sent, and which are to follow.
extension LetterCommand {
    /// The forms of a list.
    enum Form: String, ExpressibleByArgument, CaseIterable {
        case table, csv, json

        func show(_ table: Table, on terminal: [String]) throws {
            switch self {
            case .csv: try OutputFile.write(CSVEncoder.encode(table), to: nil, mode: .ownerOnly)
            case .json: try OutputFile.write(table.json, to: nil, mode: .ownerOnly)
            case .table: table.part(columns: terminal).withoutEmptyColumns.show()
            }
        }
    }

    /// `daybook letter list`
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the letters that were sent, the newest first.",
            discussion: """
                A letter is recorded once the mail server or program took it, or somebody said that it was sent \
                (daybook letter record). The forms csv and json also have the digest of the message.

                Examples:
                  daybook letter list --letter introduction --since 2026-11-01
                  daybook letter list --account customer3 --format csv > letters.csv
                """)

        @Option(help: ArgumentHelp("Only letters of this name.", valueName: "name")) var letter: String?
        @Option(help: ArgumentHelp("Only letters about this account.", valueName: "slug")) var account: String?
        @Option(
            help: ArgumentHelp("Only what was sent on this date or later, in UTC (2026-11-01).", valueName: "date"),
            transform: Arguments.date)
        var since: CalendarDate?
        @Option(help: "The form of the list.") var format = Form.table
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let table = try await database.withConnection {
                try await SentLetters($0).list(letter: letter, account: account, since: since)
            }
            guard format != .table || !table.rows.isEmpty else { return Terminal.show("No letter is recorded.") }
            try format.show(
                table,
                on: [
                    "sent_at", "letter", "recipient", "account", "addressee", "company", "use_case", "scale", "author",
                    "channel",
                ])
        }
    }

    /// `daybook letter due`
    struct Due: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Name whose introduction is to be followed up, and say what to type.",
            discussion: """
                A follow-up is due \(Limits.followUpDays.lowerBound) to \(Limits.followUpDays.upperBound) days after \
                the introduction, counted in days of UTC, and overdue later, until a follow-up or a technical letter \
                was sent to the same address or about the same account. What was sent by other means is told with: \
                daybook letter record

                Examples:
                  daybook letter due
                  daybook letter due --as-of 2026-12-07
                """)

        @Option(
            help: ArgumentHelp("As of the end of this date in UTC (2026-12-07). Default: today.", valueName: "date"),
            transform: Arguments.date)
        var asOf: CalendarDate?
        @Option(help: "The form of the list.") var format = Form.table
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let due = try await database.withConnection { try await SentLetters($0).due(asOf: asOf) }
            guard format != .table || !due.isEmpty else { return Terminal.show("No follow-up is due.") }
            let table = Table(
                name: "due", title: "Follow-ups that are due", note: "",
                columns: [
                    Column("standing", .text), Column("sent_on", .text), Column("days", .integer),
                    Column("recipient", .text), Column("account", .text), Column("addressee", .text),
                    Column("company", .text), Column("sender", .text), Column("next", .text),
                ],
                rows: due.map { letter in
                    let facts = letter.facts
                    return [
                        .text(letter.isOverdue ? "overdue" : "due"), .text(Self.day(letter)), .integer(letter.days),
                        .text(facts.recipient), facts.account.map(Cell.text) ?? .empty, .text(facts.addressee),
                        .text(facts.company), .text(facts.sender), .text(Self.next(letter)),
                    ]
                })
            try format.show(
                table, on: ["standing", "sent_on", "days", "recipient", "account", "addressee", "company", "sender"])
            guard format == .table else { return }
            Terminal.show("")
            Terminal.show("Next, with the day and the hour that you propose, and --smtp or --sendmail to send it:")
            for letter in due { Terminal.show(Self.next(letter)) }
        }

        private static func day(_ letter: DueLetter) -> String { String(letter.sentAt.description.prefix(10)) }

        /// As a letter says it: 26 November 2026.
        private static func spokenDay(_ letter: DueLetter) -> String {
            let day = day(letter)
            return "\(Int(day.suffix(2)) ?? 0) \(Month(String(day.prefix(7)))?.title ?? day)"
        }

        /// The follow-up as it is typed. What nobody can know is left for the writer: it is refused as it stands.
        private static func next(_ letter: DueLetter) -> String {
            TypedCommand(
                ["daybook", "letter"] + LetterCommand.words(letter.facts, letter: SentLetters.followUp)
                    + ["--set", "sent_on=\(spokenDay(letter))", "--set", "proposal="]
            ).text
        }
    }

    /// `daybook letter record`
    struct Record: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a letter that was sent by other means.",
            discussion: """
                Writes and sends nothing.

                Example:
                  daybook letter record introduction --to cto@example.com --from sales@example.org \\
                    --at 2026-11-30 --set name='Dr. Sommer' --set company='Kranich & Söhne'
                """)

        @OptionGroup var envelope: Envelope
        @Option(
            help: ArgumentHelp(
                "When it was sent: an instant, or a date, its midnight in UTC. Default: now.", valueName: "instant"),
            transform: Arguments.instant)
        var at: Instant?
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try envelope.checkAddresses()
            guard Account.isSlug(envelope.name) else {
                throw DaybookError.usage("\"\(envelope.name.prefix(80))\" is no letter's name.")
            }
            let values = try envelope.values()
            if let idle = values.keys.sorted().first(where: { !["name", "company", "sender"].contains($0) }) {
                throw DaybookError.usage(
                    "Of a letter that was sent the name, the company and the sender are recorded, not \(idle).")
            }
            let facts = envelope.facts(values)
            try await database.withConnection { connection in
                try await connection.run { try $0.requireWritable() }
                try await SentLetters(connection).tell(facts, sentAt: at)
            }
            Terminal.show("\(facts.letter) to \(facts.recipient): recorded")
        }
    }
}
