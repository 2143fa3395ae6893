import ArgumentParser
import Domain
import Foundation
import Reporting

/// How statements are sent.
struct MailOptions: ParsableArguments {
    @Flag(help: "Send each statement to the account's mail address, once an account and month.")
    var email = false

    @Option(help: ArgumentHelp("The sender; default DAYBOOK_MAIL_FROM.", valueName: "address"))
    var from: String?

    @Option(help: ArgumentHelp("The folder of .eml files to write. Default: outbox in the output.", valueName: "dir"))
    var outbox: String?

    @Option(
        help: ArgumentHelp(
            "Send through this server instead, with TLS; curl takes name and password from ~/.netrc.",
            valueName: "smtp://host:587"))
    var smtp: String?

    @Option(
        help: ArgumentHelp(
            "Send with this program instead, which reads the message.", valueName: "/usr/sbin/sendmail -t -i"))
    var sendmail: String?

    @Flag(help: "Send again what was sent before.")
    var force = false

    func validate() throws {
        guard [outbox, smtp, sendmail].compactMap(\.self).count <= 1 else {
            throw ValidationError("Choose one of --outbox, --smtp and --sendmail.")
        }
        if let smtp, !smtp.hasPrefix("smtp://"), !smtp.hasPrefix("smtps://") {
            throw ValidationError("--smtp takes an address that starts with smtp:// or smtps://.")
        }
        let isUsed = outbox != nil || smtp != nil || sendmail != nil || from != nil || force
        guard email || !isUsed else { throw ValidationError("Without --email nothing is sent.") }
    }

    /// The delivery of a month; nil where none is asked for.
    func delivery(
        month: Month, output: String, templates: [String], mode: OutputMode
    ) throws -> StatementDelivery? {
        guard email else { return nil }
        ExposedSecret.tell(ofAddress: smtp, in: "--smtp", advice: ExposedSecret.netrcFile)
        guard let sender = from ?? ProcessInfo.processInfo.environment["DAYBOOK_MAIL_FROM"] else {
            throw DaybookError.usage("Say with --from, or in DAYBOOK_MAIL_FROM, who sends the statements.")
        }
        let channel: StatementDelivery.Channel =
            if let smtp {
                .smtp(smtp)
            } else if let sendmail {
                .sendmail(sendmail.split(separator: " ").map(String.init))
            } else {
                .outbox(outbox ?? output + "/outbox")
            }
        return try StatementDelivery(
            month: month, channel: channel, from: sender,
            letter: try LetterTemplate(
                name: "statement", folders: [try InstalledFiles.folder("templates")] + templates), isForced: force,
            mode: mode)
    }
}
