import ArgumentParser
import Codecs
import Documents
import Domain
import Ledger
import Postgres
import Reporting

/// `daybook close …`
struct CloseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Close months: what was sent stays what it was.",
        subcommands: [CloseMonth.self, Diff.self, Reopen.self, List.self])

    /// What every statement of a close is made with.
    static func settings(
        key: String?, issuer: IssuerOptions? = nil, paper: PaperOption? = nil
    ) throws -> StatementReport.Settings {
        StatementReport.Settings(
            definitionFolder: try InstalledFiles.folder("reports"),
            templates: try TemplateSet(folders: [try InstalledFiles.folder("templates")]), output: ".",
            formats: ReportFormat.standard, key: try key.map(KeyFile.signingKey),
            issuer: try issuer?.line() ?? "", issuerVATID: try issuer?.vatID() ?? "",
            paper: try paper?.size() ?? .a4, programVersion: Version.current)
    }

    struct CloseMonth: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "month",
            abstract: "Close a month: keep its statements, and chain each to the month before.",
            discussion: """
                Afterwards `report statement` writes a closed month as it was kept. A ledger row that appears later \
                with an instant inside it is shown in the next open month, with both dates. Once the month is final \
                for everybody, its SLA figures are recorded too, for the trends of later reports.

                A statement that is not whole is left out and named, and the exit code is 2: mend what it names, or \
                accept it with --accept SLUG --reason TEXT, which is recorded and stands in its manifest.
                """)

        @Argument(help: "The month, as 2026-10, or last: the last one that is over.", transform: MonthChoice.parse)
        var month: MonthChoice
        @Option(help: ArgumentHelp("This account alone. Default: all that have not closed it.", valueName: "slug"))
        var account: String?
        @Option(help: ArgumentHelp("Sign the manifests with the key in this file.", valueName: "file"))
        var key: String?
        @OptionGroup var issuer: IssuerOptions
        @OptionGroup var paper: PaperOption
        @OptionGroup var head: HeadOptions
        @OptionGroup var acceptance: AcceptOptions
        @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.") var quiet = false
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let month = try await month.month(database.settings)
            let progress = Progress(isQuiet: quiet)
            let settings = try CloseCommand.settings(key: key, issuer: issuer, paper: paper)
            let closing = MonthClosing(StatementRequest(month: month, account: account), settings: settings)
            let (outcome, remark) = try await database.withConnection { connection in
                try await acceptance.record(month, settings, connection)
                let outcome = try await closing.run(connection) { progress.tell($0) }
                return (outcome, outcome.closed.isEmpty ? nil : try await record(month, connection, progress))
            }
            progress.finish()
            Self.show(outcome)
            if let remark { Terminal.say("daybook: \(remark)") }
            try await head.handOn(outcome.head)
            guard outcome.leftOut.isEmpty else { throw ExitCode(FailureKind.breachExitCode) }
        }

        /// Records the month of everybody together for the trends of SLA reports, and gives what is to be said of it.
        ///
        /// The month is closed by then, and a trend that finds nothing recorded counts: so a failure is said, and fails
        /// nothing.
        private func record(_ month: Month, _ connection: Connection, _ progress: Progress) async throws -> String? {
            let settings = SLAReport.Settings(
                definitionFolder: try InstalledFiles.folder("reports") + "/sla",
                templates: try TemplateSet(folders: [try InstalledFiles.folder("templates")]), output: ".", formats: [],
                includesTasks: false, programVersion: Version.current)
            let report = SLAReport(SLARequest(month: month, records: true), settings: settings)
            do {
                _ = try await report.recordMonth(connection) { progress.tell($0) }
                return nil
            } catch {
                guard !Task.isCancelled else {
                    throw StoppedRun(
                        .interruption,
                        standing: "The month is closed, its SLA figures are not recorded, and the head was not handed "
                            + "on; see it with: daybook close list")
                }
                let failure = Refusals.failure(of: error) ?? Failure.failure(of: error)
                return "the SLA figures of \(month) are not recorded. \(failure?.sentence ?? "\(error)") "
                    + "To do it later: daybook report sla --month \(month) --record"
            }
        }

        static func show(_ outcome: MonthClosing.Outcome) {
            var table = TextTable(columns: ["account", .number("opening"), .number("closing"), "whole", "hash"])
            for entry in outcome.closed {
                table.add([
                    entry.slug, String(entry.opening), String(entry.closing), entry.isWhole ? "yes" : "accepted",
                    entry.hash,
                ])
            }
            table.show()
            for entry in outcome.leftOut { Terminal.say("daybook: not closed: \(entry.slug) \(entry.reason)") }
            if outcome.leftOut.contains(where: \.isNotWhole) {
                Terminal.say(
                    "daybook: mend what is not whole, or close it all the same with --accept SLUG --reason TEXT")
            }
            if outcome.closed.contains(where: { !$0.isFinal }) {
                Terminal.say("daybook: the month was closed before it was final; what still comes in will be late.")
            }
        }
    }

    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what has changed about a closed month since it was closed.",
            discussion: "Exits with 2 if anything has.")

        @Argument(help: "The month, as 2026-10, or last: the last one that is over.", transform: MonthChoice.parse)
        var month: MonthChoice
        @Option(help: ArgumentHelp("This account alone.", valueName: "slug")) var account: String?
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let month = try await month.month(database.settings)
            let difference = CloseDifference(
                StatementRequest(month: month, account: account), settings: try CloseCommand.settings(key: nil))
            let changes = try await database.withConnection { try await difference.run($0) }
            guard !changes.isEmpty else {
                Terminal.show("Nothing has changed about \(month) since it was closed.")
                return
            }
            var table = TextTable(["account", "change", "reference", "posted at", "closed", "now"])
            for change in changes {
                table.add([
                    change.account, change.kind.rawValue, change.reference, change.postedAt?.description ?? "",
                    change.closed,
                    change.now,
                ])
            }
            table.show()
            throw ExitCode(FailureKind.breachExitCode)
        }
    }

    struct Reopen: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open a closed month again: the latest first, with a reason, which is recorded.")

        @Argument(help: "The month, as 2026-10, or last: the last one that is over.", transform: MonthChoice.parse)
        var month: MonthChoice
        @Option(help: ArgumentHelp("This account alone. Default: all that have closed it.", valueName: "slug"))
        var account: String?
        @Option(help: ArgumentHelp("Why.", valueName: "text")) var reason: String
        @OptionGroup var head: HeadOptions
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let month = try await month.month(database.settings)
            let reopening = MonthReopening(month: month, account: account, reason: reason)
            let outcome = try await database.withConnection { try await reopening.run($0) }
            Terminal.show("\(month) is open again for \(outcome.slugs.joined(separator: ", "))")
            try await head.handOn(outcome.head)
        }
    }
}

extension CloseCommand {
    /// `daybook close list`
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "List what was closed and opened again, and check the chain of hashes and every file that was kept.",
            discussion: """
                Exits with 2 if a hash or a file is not what it should be, or a head that was written down is not in \
                the chain any more.
                """)

        @Option(
            help: ArgumentHelp(
                "A head that was written down elsewhere, its line, or an account's hash as SLUG=HASH; may be given "
                    + "again.", valueName: "sha256"))
        var head: [String] = []
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let list = CloseList(written: head)
            let outcome = try await database.withConnection { try await list.run($0) }
            var table = TextTable(columns: [
                "account", "month", .name("rev"), .number("opening"), .number("closing"), "closed at", "by", "chain",
                "files", "reopened", "hash",
            ])
            for entry in outcome.entries {
                table.add([
                    entry.slug, entry.month, String(entry.revision), String(entry.opening), String(entry.closing),
                    entry.closedAt.description, entry.closedBy, entry.isGenuine ? "ok" : "broken",
                    entry.defect == nil ? "ok" : "altered", entry.reopened ?? "", entry.hash,
                ])
            }
            table.show()
            Terminal.show("Head of the closes: \(outcome.head.digest)")
            for held in outcome.held { Terminal.show("\(held).") }
            for entry in outcome.entries {
                guard let defect = entry.defect else { continue }
                Terminal.show(
                    "The closed month \(entry.month) of \(entry.slug), revision \(entry.revision): \(defect).")
            }
            for lost in outcome.lost { Terminal.show("\(lost.words).") }
            if !outcome.isGenuine { throw ExitCode(FailureKind.breachExitCode) }
        }
    }
}
