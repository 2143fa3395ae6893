import ArgumentParser
import Documents
import Domain
import Foundation
import Ledger
import Reporting

/// The server or the program that sends messages.
struct MailProgramOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Send through this server instead, with TLS; curl takes name and password from ~/.netrc.",
            valueName: "smtp://host:587"))
    var smtp: String?

    @Option(
        help: ArgumentHelp(
            "Send with this program instead, which reads the message.", valueName: "/usr/sbin/sendmail -t -i"))
    var sendmail: String?

    func validate() throws {
        guard smtp == nil || sendmail == nil else { throw ValidationError("Choose one of --smtp and --sendmail.") }
        if let smtp, !smtp.hasPrefix("smtp://"), !smtp.hasPrefix("smtps://") {
            throw ValidationError("--smtp takes an address that starts with smtp:// or smtps://.")
        }
    }

    /// Where messages go; nil where neither is named.
    var channel: MailChannel? {
        ExposedSecret.tell(ofAddress: smtp, in: "--smtp", advice: ExposedSecret.netrcFile)
        if let smtp { return .smtp(smtp) }
        return sendmail.map { .sendmail($0.split(separator: " ").map(String.init)) }
    }
}

/// By which way messages go out, and from whom.
struct MailChannelOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The sender; default DAYBOOK_MAIL_FROM.", valueName: "address"))
    var from: String?

    @Option(help: ArgumentHelp("The folder of .eml files to write. Default: outbox in the output.", valueName: "dir"))
    var outbox: String?

    @OptionGroup var program: MailProgramOptions

    @Flag(help: "Send again what was sent before, or may have been.")
    var force = false

    /// True where any of them was given.
    var isUsed: Bool {
        outbox != nil || program.smtp != nil || program.sendmail != nil || from != nil || force
    }

    func validate() throws {
        guard [outbox, program.smtp, program.sendmail].compactMap(\.self).count <= 1 else {
            throw ValidationError("Choose one of --outbox, --smtp and --sendmail.")
        }
    }

    /// Who sends. Throws `usage` where nobody says so.
    func sender() throws -> String {
        guard let sender = from ?? Setting.mailFrom.value() else {
            throw DaybookError.usage("Say with --from, or in DAYBOOK_MAIL_FROM, who sends the reports.")
        }
        return sender
    }

    /// The delivery of a month. An outbox is in the folder of the outputs, for those who may read them.
    func delivery(month: Month, output: String, mode: OutputMode) throws -> MailDelivery {
        try MailDelivery(
            month: month, channel: channel(output: output, mode: mode), from: try sender(), isForced: force)
    }

    /// Where messages go.
    func channel(output: String, mode: OutputMode) -> MailChannel {
        program.channel ?? .outbox(outbox ?? output + "/outbox", mode)
    }
}

/// How reports are sent: statements and SLA reports alike.
struct MailOptions: ParsableArguments {
    @Flag(help: "Send each report to the account's mail address, once an account and month.")
    var email = false

    @OptionGroup var channel: MailChannelOptions

    @Flag(
        name: .customLong("dry-run"),
        help: "Send nothing and write nothing: list to whom what would go, and what would not.")
    var dryRun = false

    /// Refuses what could not be attached, and options of messages where there is none.
    ///
    /// - Parameter tells: True where a message goes out without a report.
    func check(_ report: ReportOptions, tells: Bool = false) throws {
        guard email || !(channel.isUsed || dryRun) || tells && !channel.force && !dryRun else {
            throw ValidationError("Without --email nothing is sent.")
        }
        guard !email || report.format.isSuperset(of: [.xlsx, .html]) else {
            throw ValidationError("--email attaches the workbook and the page: leave both in --format.")
        }
    }

    /// Who sends. Throws `usage` where nobody says so.
    func sender() throws -> String { try channel.sender() }

    /// The delivery of a month.
    func delivery(month: Month, output: String, mode: OutputMode) throws -> MailDelivery {
        try channel.delivery(month: month, output: output, mode: mode)
    }

    /// The letter that goes with a report.
    static func letter(_ name: String, templates: [String]) throws -> LetterTemplate {
        try LetterTemplate(name: name, folders: [try InstalledFiles.folder("templates")] + templates)
    }

    /// A message that was not sent, because nothing was to be: to whom it would go, and what would become of it.
    struct Rehearsed {
        let preview: MailDelivery.Outcome
        /// What there is to know of its report.
        let facts: [String]
        var remark: String
        var isDone: Bool

        init(_ preview: MailDelivery.Outcome, facts: [String]) {
            self.preview = preview
            self.facts = facts
            (remark, isDone) = (MailOptions.remark(preview), preview.isDone)
        }
    }

    /// Lists what would go, and ends as that deserves: 0 where everybody would have what is his.
    static func show(_ messages: [Rehearsed], title: String, facts: [ListColumn]) throws {
        var table = TextTable(columns: ["account", "recipient"] + facts + ["what would become of it"])
        for message in messages {
            let recipients = ([message.preview.recipient] + message.preview.copies).joined(separator: ", ")
            table.add([message.preview.slug, recipients] + message.facts + [message.remark])
        }
        Terminal.show("\(title); nothing was written or sent")
        table.show()
        guard messages.allSatisfy(\.isDone) else { throw ExitCode(FailureKind.breachExitCode) }
    }

    /// How it stands with a message, and what helps.
    static func remark(_ message: MailDelivery.Outcome) -> String {
        switch message.standing {
        case .handedOver: "handed over"
        case .ready: "would be handed over"
        case .handedOverBefore(let at): "not sent: it was handed over at \(at); --force sends it again"
        case .cutOffBefore(let at):
            "not sent: it may have gone out at \(at), when sending was cut off; ask the recipient, and send it again "
                + "with --force"
        case .uncertain(let why):
            "may have gone out: \(why); ask the recipient, and send it again with --force"
        case .refused(let why): "not sent: \(why)"
        case .noAddress: "not sent: no mail address is known"
        case .obstacle(let obstacle):
            "not sent: \(obstacle.what)"
                + (obstacle.mayBeAccepted
                    ? "; mend it, or send it all the same with --accept \(message.slug) --reason" : "")
        case .failed(let error): "not sent, or it is not known: \(Failure.words(of: error))"
        case .notReached: "not sent: the run ended before its turn"
        }
    }

    /// Says what became of each message, and ends as that deserves: 0 where everybody has what is his.
    static func show(_ outcomes: MailDelivery.Outcomes) throws {
        for message in outcomes.all { Terminal.show("\(message.slug), \(message.recipient): \(remark(message))") }
        if let failure = outcomes.failure { throw failure }
        if outcomes.wasInterrupted {
            Terminal.say("daybook: interrupted after the message under way; run it again to send the others")
            throw ExitCode(130)
        }
        guard outcomes.isDone else { throw ExitCode(FailureKind.breachExitCode) }
    }
}
