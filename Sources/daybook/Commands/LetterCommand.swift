import ArgumentParser
import Documents
import Domain
import Foundation
import Ledger
import Reporting

/// `daybook letter …`
struct LetterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "letter", abstract: "Letters to customers: write and send them, and see which were sent.",
        discussion: """
            Without a subcommand it writes: daybook letter introduction … is daybook letter write introduction …

            Examples:
              daybook letter introduction --to cto@example.com --from sales@example.org --sla out \\
                --use-case commerce --scale medium --set name='Dr. Sommer' --set company='Kranich & Söhne' \\
                --set sender=Ada --set proposal='Tuesday?' --smtp smtp://mail.example.org:587
              daybook letter due
              daybook letter list --since 2026-11-01
            """,
        subcommands: [Write.self, List.self, Due.self, Record.self], defaultSubcommand: Write.self)

    /// Which letter, to whom and from whom.
    struct Envelope: ParsableArguments {
        @Argument(help: "The letter's name.") var name: String
        @Option(help: ArgumentHelp("Who gets it.", valueName: "address")) var to: String
        @Option(help: ArgumentHelp("Who sends it.", valueName: "address")) var from: String
        @Option(help: ArgumentHelp("The account that it is about, where there is one.", valueName: "slug"))
        var account: String?
        @Option(help: ArgumentHelp("A placeholder's value; may be given again.", valueName: "key=value"))
        var set: [String] = []
        @Option(
            help: ArgumentHelp(
                "The paragraph for the customer's trade: advertising, commerce, education or media.",
                valueName: "trade"))
        var useCase: String?
        @Option(
            help: ArgumentHelp(
                "The paragraph for the customer's size, in videos a month: small (up to a thousand), medium (some "
                    + "thousands) or large.", valueName: "size"))
        var scale: String?

        /// Throws `usage` for what is no address.
        func checkAddresses() throws {
            for address in [to, from] where !MailMessage.isAddress(address) {
                throw DaybookError.usage("\"\(address.prefix(80))\" is no mail address.")
            }
        }

        func values() throws -> [String: String] {
            var values: [String: String] = [:]
            for text in set {
                guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                    throw DaybookError.usage("\"\(text.prefix(80))\" is no value; write it as --set key=value.")
                }
                values[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            return values
        }

        /// What is recorded of it.
        func facts(_ values: [String: String]) -> LetterFacts {
            LetterFacts(
                letter: name, recipient: to, account: account, addressee: values["name"] ?? "",
                company: values["company"] ?? "", signer: values["sender"] ?? "", sender: from, useCase: useCase ?? "",
                scale: scale ?? "", author: NSUserName())
        }

        func template(_ templates: [String]) throws -> LetterTemplate {
            var chosen: [LetterParagraph: String] = [:]
            chosen[.useCase] = useCase
            chosen[.scale] = scale
            return try LetterTemplate(
                name: name, folders: [try InstalledFiles.folder("templates")] + templates, chosen: chosen)
        }
    }
}

/// `daybook letter write`
extension LetterCommand {
    struct Write: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fill a letter: introduction, follow-up, technical, or one of your own; and send it.",
            discussion: """
                Writes a message as an .eml file, or sends it with --smtp or --sendmail, which is recorded. A \
                placeholder that has no value is refused. Figures (availability, completion, refunds, sla_month) come \
                from the newest final SLA report in --sla, and from nowhere else. One that tells of a promise that was \
                missed asks first.

                Example:
                  daybook letter introduction --to cto@example.com --from sales@example.org --sla out \\
                    --set name='Dr. Sommer' --set company='Kranich & Söhne' --set sender=Ada \\
                    --set proposal='Tuesday?'
                """)

        /// Values that no user may give: they are measured.
        private static let measured: Set<String> = ["sla_month", "availability", "completion", "refunds"]

        @OptionGroup var envelope: Envelope
        @Option(help: ArgumentHelp("The folder with SLA reports. Default: the current one.", valueName: "dir"))
        var sla: String?
        @Option(
            name: .shortAndLong, help: ArgumentHelp("The file to write. Default: standard output.", valueName: "file"))
        var output: String?
        @Flag(help: "Do not ask, whatever the figures say.") var yes = false
        @OptionGroup var permissions: ModeOption
        @Option(
            help: ArgumentHelp(
                "A folder with further templates, which replace those of the same name.", valueName: "dir"))
        var templates: [String] = []
        @OptionGroup(title: "Sending") var program: MailProgramOptions
        @Flag(help: ArgumentHelp("Send again what was sent to the same address before.")) var force = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        private var sends: Bool { program.smtp != nil || program.sendmail != nil }

        func validate() throws {
            try permissions.require(output: output)
            guard sends || !(force || envelope.account != nil || !database.isUnnamed) else {
                throw ValidationError(
                    "Without --smtp or --sendmail nothing is sent or recorded: leave out --force, --account and the "
                        + "database.")
            }
            guard !sends || output == nil else {
                throw ValidationError("--output writes the letter, and --smtp and --sendmail send it: choose one.")
            }
        }

        func run() async throws {
            try envelope.checkAddresses()
            let letter = try envelope.template(templates)
            var values = try envelope.values()
            let (facts, keys) = (envelope.facts(values), Set(values.keys))
            var missed: [String] = []
            if let wrong = keys.intersection(Self.measured).sorted().first {
                throw DaybookError.usage("\(wrong) is measured, not given: it comes from the last final SLA report.")
            }
            if !Self.measured.isDisjoint(with: letter.placeholders) {
                let folder = sla ?? "."
                let report = try SLAFacts(folder: folder)
                let figures = report.values
                if let lacking = letter.placeholders.first(where: { Self.measured.contains($0) && figures[$0] == nil })
                {
                    throw DaybookError.badData("The last final SLA report in \(folder) has no figure for \(lacking).")
                }
                values.merge(figures) { own, _ in own }
                missed = letter.placeholders.flatMap { report.missed[$0] ?? [] }
            } else if sla != nil {
                throw DaybookError.usage("The letter \(envelope.name) has no measured figures: leave --sla out.")
            }
            let filled = try letter.fill(values, given: keys)
            try confirm(missed, month: values["sla_month"] ?? "")
            let message = MailMessage(
                from: envelope.from, to: envelope.to, subject: filled.subject, body: filled.body,
                date: Instant(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)))
            guard let channel = program.channel else {
                return try OutputFile.write(message.bytes(), to: output, mode: permissions.mode)
            }
            try await send(message, facts, by: channel)
        }

        private func send(_ message: MailMessage, _ facts: LetterFacts, by channel: MailChannel) async throws {
            let fate = try await database.withConnection { connection in
                let letters = SentLetters(connection)
                if let earlier = try await letters.sentBefore(facts), !force {
                    throw DaybookError.usage(
                        "\(facts.letter) was sent to \(facts.recipient) at \(earlier); --force sends it again.")
                }
                return try await letters.send(message, facts, by: channel)
            }
            let record = LetterCommand.recording(facts)
            switch fate {
            case .recorded: Terminal.show("\(facts.letter) to \(facts.recipient): handed over")
            case .refused(let why): throw DaybookError(.failed, "The letter was not sent: \(why)")
            case .uncertain(let why):
                throw DaybookError(
                    .failed,
                    "The letter may have gone out, and is not recorded: \(why). Ask \(facts.recipient); if it came, "
                        + "record it: \(record)")
            case .unrecorded(let id, let error):
                throw DaybookError(
                    .failed,
                    "The letter WAS SENT to \(facts.recipient) as \(id), and that is not recorded "
                        + "(\(Failure.words(of: error))). Do not send it again; record it: \(record)")
            }
        }

        /// Asks whether missed promises are to be told.
        private func confirm(_ missed: [String], month: String) throws {
            guard !missed.isEmpty, !yes else { return }
            let what = sends ? "Send" : "Write"
            let sentence = "In \(month) this letter tells of missed promises: \(missed.joined(separator: "; "))."
            guard isatty(STDIN_FILENO) == 1 else {
                throw DaybookError.usage("\(sentence) Nobody is there to ask; if it is meant, say --yes.")
            }
            FileHandle.standardError.write(
                Data("\(sentence) \(what) it all the same? Type yes to go on: ".utf8))
            guard readLine(strippingNewline: true)?.trimmingCharacters(in: .whitespaces) == "yes" else {
                throw DaybookError.usage("Nothing was \(sends ? "sent" : "written").")
            }
        }
    }

    /// What records a letter that was sent, as it is typed.
    private static func recording(_ facts: LetterFacts) -> String {
        TypedCommand(["daybook", "letter", "record"] + words(facts)).text
    }

    /// The words that say what is known of a letter.
    static func words(_ facts: LetterFacts, letter: String? = nil) -> [String] {
        let options = [
            ("--account", facts.account ?? ""), ("--use-case", facts.useCase), ("--scale", facts.scale),
        ].filter { !$0.1.isEmpty }
        let values = [("name", facts.addressee), ("company", facts.company), ("sender", facts.signer)]
            .filter { !$0.1.isEmpty }
        return [letter ?? facts.letter, "--to", facts.recipient, "--from", facts.sender]
            + options.flatMap { [$0.0, $0.1] } + values.flatMap { ["--set", "\($0.0)=\($0.1)"] }
    }
}
