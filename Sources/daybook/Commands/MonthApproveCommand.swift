import ArgumentParser
import Codecs
import Documents
import Domain
import Foundation
import Ledger
import MonthEnd
import Postgres
import Reporting

extension MonthCommand {
    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign, close and send a month that was run and looked at.",
            discussion: """
                Closes everybody's statement, signed with --key, and sends statements and SLA reports to the mail \
                address of each customer, each once. Refused with 75 before the month is final, before it was run \
                since then, and where a figure has changed since the last run: what goes out is what was looked at. \
                Exits with 2 and names who is left behind: a statement that is not whole is neither closed nor sent \
                unless --accept says so. Running it again goes on where it was cut off, and sends nothing twice.

                Examples:
                  daybook month approve 2026-10 --key statement.key --from finance@example.org --dry-run
                  daybook month approve 2026-10 --key statement.key --from finance@example.org \\
                    --smtp smtp://mail.example.org:587 --accept customer5 --reason 'gift of 2024, ticket 12'
                """)

        @Argument(
            help: "The month, as 2026-10, or last: the last one that is over. Default: last.",
            transform: MonthChoice.parse)
        var month: MonthChoice = .last
        @Option(help: ArgumentHelp("Sign the statements with the key in this file.", valueName: "file"))
        var key: String?
        @OptionGroup var head: HeadOptions
        @OptionGroup(title: "Sending") var channel: MailChannelOptions
        @OptionGroup(title: "Sending") var acceptance: AcceptOptions
        @Flag(
            name: .customLong("dry-run"),
            help: "Close nothing, send nothing and write nothing: list to whom what would go.")
        var dryRun = false
        @OptionGroup(title: "Output") var options: MonthOptions
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let source = try await database.settings()
            let month = try await month.month { source }
            let settings = try options.settings(month)
            let approval = MonthApproval(
                MonthRun(month, settings: settings), key: try key.map(KeyFile.signingKey),
                mail: try mail(of: month, in: settings.folder))
            guard !dryRun else {
                let preview = try await DatabaseOptions.withConnection(source) { try await approval.preview($0) }
                return try MonthListing.show(preview, accepted: acceptance.accept, of: month)
            }
            let progress = Progress(isQuiet: options.quiet)
            let outcome = try await DatabaseOptions.withConnection(source) { connection in
                try await acceptance.record(month, statementSettings(settings), connection)
                return try await DatabaseOptions.withFurtherConnections(
                    StatementReport.furtherConnections, source, beside: connection
                ) { further in
                    try await approval.run(connection, beside: further) { progress.tell($0) }
                }
            }
            progress.finish()
            try await show(outcome, of: month)
        }

        private func mail(of month: Month, in folder: String) throws -> MonthApproval.Mail {
            let sender = try channel.sender()
            func letter(_ name: String) throws -> LetterTemplate {
                try MailOptions.letter(name, templates: options.templates)
            }
            return MonthApproval.Mail(
                statements: StatementMail(month: month, from: sender, letter: try letter("statement")),
                sla: SLAMail(month: month, from: sender, letter: try letter("sla")),
                delivery: try channel.delivery(month: month, output: folder, mode: options.permissions.mode))
        }

        /// What the statements of an acceptance are worked out with.
        private func statementSettings(_ settings: MonthRun.Settings) -> StatementReport.Settings {
            StatementReport.Settings(
                definitionFolder: settings.definitionFolder, templates: settings.templates, output: settings.folder,
                formats: [], key: nil, programVersion: settings.programVersion)
        }

        private func show(_ outcome: MonthApproval.Outcome, of month: Month) async throws {
            if let closing = outcome.closing {
                CloseCommand.CloseMonth.show(closing)
            } else {
                Terminal.show("Everybody has closed \(month) before.")
            }
            if let failure = outcome.recordingFailure {
                let known = Refusals.failure(of: failure) ?? Failure.failure(of: failure)
                Terminal.say(
                    "daybook: the SLA figures of \(month) are not recorded. \(known?.sentence ?? "\(failure)") "
                        + "To do it later: daybook report sla --month \(month) --record")
            }
            Terminal.show("")
            Terminal.show("Open first: \(outcome.page.pagePath)")
            // The head is handed on, whatever became of the messages.
            var failures: [any Error] = []
            if let closing = outcome.closing { await attempt(&failures) { try await head.handOn(closing.head) } }
            for (title, sent) in [("Statements", outcome.statements), ("SLA reports", outcome.sla)] {
                guard let sent else { continue }
                Terminal.show("")
                Terminal.show("\(title) of \(month)")
                await attempt(&failures) { try MailOptions.show(sent) }
            }
            if let credits = outcome.credits {
                Terminal.show("")
                Terminal.show("Service credits of \(month)")
                await attempt(&failures) { try ServiceCreditListing.show(credits, of: month, isTrial: false) }
            }
            // What broke off says more than what was left behind.
            if let failure = failures.first(where: { !($0 is ExitCode) }) ?? failures.first { throw failure }
            guard outcome.closing?.leftOut.isEmpty ?? true else { throw ExitCode(FailureKind.breachExitCode) }
        }

        private func attempt(_ failures: inout [any Error], _ body: () async throws -> Void) async {
            do {
                try await body()
            } catch {
                failures.append(error)
            }
        }
    }
}

extension MonthListing {
    /// Lists what would go of statements and SLA reports, and ends as that deserves.
    static func show(
        _ preview: MonthApproval.Preview, accepted: [String], of month: Month
    ) throws {
        let stated = preview.statements.map { outcome, preview in
            let isAccepted = accepted.contains(outcome.account.slug)
            var message = MailOptions.Rehearsed(
                preview,
                facts: [
                    outcome.summary[.closingBalance].map(String.init) ?? "",
                    outcome.isClosed ? "closed" : outcome.mayGoOut || isAccepted ? "would be closed" : "left open",
                    outcome.isWhole
                        ? "yes" : outcome.isAccepted || isAccepted ? "accepted" : "no: \(outcome.differences)",
                ])
            if isAccepted && !outcome.mayGoOut { message.remark = "would be accepted and handed over" }
            message.isDone = preview.isDone || isAccepted
            return message
        }
        let judged = preview.sla.map { outcome, preview in
            MailOptions.Rehearsed(
                preview,
                facts: [Verdict.pass, .breach, .insufficientData].map { String(outcome.summary.count($0)) })
        }
        Terminal.show("Service credits of \(month)")
        // Sending says how it ends; what differs is named.
        do { try ServiceCreditListing.show(preview.credits, of: month, isTrial: true) } catch is ExitCode {}
        Terminal.show("")
        var ending: (any Error)?
        do {
            try MailOptions.show(
                stated, title: "Statements of \(month), in credits", facts: [.number("closing"), "month", "whole"])
        } catch let error as ExitCode {
            ending = error
        }
        Terminal.show("")
        try MailOptions.show(
            judged, title: "SLA reports of \(month)",
            facts: [.number("kept"), .number("broken"), .number("not judged")])
        if let ending { throw ending }
    }
}
