import ArgumentParser
import Domain
import Foundation
import Postgres
import Retention

/// `daybook retention erase`
struct EraseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Do at once for one customer or one video what a purge does with what is due.",
        discussion: """
            Content and accesses go, up to this moment; money never does, and nobody else's rows. Shows the plan and \
            asks; with --yes it does not ask. What a hold keeps, and what belongs to an open task, is named (exit code \
            2), owed, and taken by the first purge after that.

            Examples:
              daybook retention erase --account customer5 --reason 'contract ended' --requested-by 'Dr. Sommer' \
            --archive /srv/archive
              daybook retention erase --video 0e7b0f0e-3b1c-4c57-9f5e-2d6f3a1b9c77 --reason 'ticket 12' \
            --requested-by support --no-archive --dry-run
            """)

    @Option(help: ArgumentHelp("The account's slug.", valueName: "slug")) var account: String?
    @Option(help: ArgumentHelp("A video's id.", valueName: "id")) var video: String?
    @Option(help: ArgumentHelp("Why it is erased.", valueName: "text")) var reason: String?
    @Option(help: ArgumentHelp("Who asked for it.", valueName: "name")) var requestedBy: String?
    @Flag(help: "Do not ask.") var yes = false
    @Flag(name: .customLong("dry-run"), help: "Erase nothing: show what would go, and what would not.")
    var dryRun = false
    @Flag(help: "Continue the run that was interrupted. With none, nothing is done.") var resume = false
    @Flag(
        name: .customLong("no-rests"),
        help: "Go on at full speed while others are at work on the database, as in a maintenance window.")
    var noRests = false
    @OptionGroup var runOptions: RunOptions
    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.") var quiet = false
    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Certificates") var head: HeadOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        let words = [account, video, reason, requestedBy].compactMap(\.self)
        if resume {
            guard words.isEmpty, !dryRun else {
                throw ValidationError("--resume continues an erasure as it was begun; say nothing else of it.")
            }
            return
        }
        guard (account == nil) != (video == nil) else { throw ValidationError("Name one of --account and --video.") }
        try HoldCommand.require(reason ?? "", "--reason")
        try HoldCommand.require(requestedBy ?? "", "--requested-by")
        guard dryRun || runOptions.noArchive || runOptions.archive != nil else {
            throw ValidationError("Say --archive DIR, from where it can be put back for a while, or --no-archive.")
        }
    }

    func run() async throws {
        let request = try request()
        if dryRun, let request { return try await rehearse(request) }
        guard yes || resume || isatty(STDIN_FILENO) == 1 else {
            throw DaybookError.usage(
                "Nobody is there to ask, so nothing was erased. Look at it with --dry-run, then say --yes.")
        }
        let settings = try settings(request)
        let display = PurgeDisplay(isQuiet: quiet)
        let (plan, outcome, chain) = try await database.withDirectConnection(for: "An erasure") { connection in
            defer { display.finish() }
            let erasing = Purge(settings, connection) { display.tell($0) }
            LastWords.set { erasing.standing.words }
            let plan = resume ? nil : try await erasing.prepare()
            if let plan {
                if !quiet || !yes { show(plan) }
                guard plan.dueRows == 0 || yes || asked(plan) else {
                    throw DaybookError(.failed, "Nothing was erased.")
                }
            }
            let outcome = if let plan { try await erasing.run(plan) } else { try await erasing.resume() }
            return (plan, outcome, try await erasing.head())
        }
        let isDone = show(outcome, of: plan)
        try await head.handOn(chain)
        guard isDone else { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func request() throws -> ErasureRequest? {
        guard let reason, let requestedBy else { return nil }
        return try ErasureRequest(
            account.map { .account($0) } ?? .video(video ?? ""), reason: reason, requestedBy: requestedBy)
    }

    private func settings(_ request: ErasureRequest?) throws -> PurgeSettings {
        try certificate.makeFolder()
        return PurgeSettings(
            erasure: request, archive: try runOptions.place(), certificates: certificate.folder, mode: certificate.mode,
            templates: try certificate.templateSet(), signingKey: try certificate.signingKey(),
            pauses: runOptions.pauses(rests: !noRests), programVersion: Version.current, host: Host.name,
            hostClock: Host.now, openVideos: try runOptions.openVideos())
    }

    /// Shows what would go and what would stay. Nothing is written.
    private func rehearse(_ request: ErasureRequest) async throws {
        let reader = PlanReader(erasure: request, rests: !noRests)
        let plan = try await database.withConnection { try await reader.run($0) }
        show(plan)
        Terminal.show("Nothing was erased.")
        guard plan.erasing?.owed.isEmpty ?? true else { throw ExitCode(FailureKind.breachExitCode) }
    }

    private func show(_ plan: RetentionPlan) {
        PlanDisplay.show(plan)
        guard let erasing = plan.erasing else { return }
        for rows in erasing.owed { Terminal.show("Would stay: \(rows.sentence).") }
        for hold in erasing.holds { Terminal.show("Held by \(hold).") }
        for copy in erasing.copies { Terminal.show("Copy: \(copy).") }
    }

    private func asked(_ plan: RetentionPlan) -> Bool {
        FileHandle.standardError.write(Data("\nErase \(plan.dueRows) rows? Type the number to go on: ".utf8))
        return readLine(strippingNewline: true)?.trimmingCharacters(in: .whitespaces) == String(plan.dueRows)
    }

    /// Says what became of it. False where something is left of it.
    private func show(_ outcome: Purge.Outcome?, of plan: RetentionPlan?) -> Bool {
        guard let outcome else {
            Terminal.show("Nothing to resume: no run was interrupted.")
            return true
        }
        let name = plan?.erasing?.name ?? "run \(outcome.run)"
        var owed = outcome.owed
        if let certificate = outcome.certificate {
            Terminal.show("\nRun \(outcome.run) erased \(outcome.takenRows) rows of \(name).")
            Terminal.show("Certificate \(certificate.sequence), SHA-256 \(certificate.sha256)")
        } else {
            owed = plan?.erasing?.owed ?? []
            Terminal.show(
                owed.isEmpty
                    ? "\nNothing of \(name) is left to be erased; nothing was done."
                    : "\nNothing of \(name) can be erased now that was not before; nothing was done.")
        }
        for rows in owed { Terminal.show("Not erased: \(rows.sentence).") }
        if quiet, yes {
            for hold in plan?.erasing?.holds ?? [] { Terminal.show("Held by \(hold).") }
            for copy in plan?.erasing?.copies ?? [] { Terminal.show("Copy: \(copy).") }
        }
        for file in outcome.files { Terminal.show(file) }
        return owed.isEmpty
    }
}
