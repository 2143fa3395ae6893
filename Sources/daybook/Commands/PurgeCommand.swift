import ArgumentParser
import Domain
import Foundation
import Postgres
import Reporting
import Retention
import Synchronization

/// `daybook retention purge`
struct PurgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Archive and delete or redact what is due, in small transactions, and certify it.",
        discussion: """
            Shows the plan and asks; with --yes it does not ask. An interrupt (Ctrl-C) ends it after its transaction; \
            --resume continues a run that was interrupted or killed, with the archive that it began; \
            --resume --end-now takes nothing more, and certifies what it did.

            Examples:
              daybook retention purge
              daybook retention purge --yes --archive /srv/archive --key-file /etc/daybook/archive.key
              daybook retention purge --resume
            """)

    @OptionGroup(title: "Plan") var plan: PlanOptions
    @Flag(help: "Do not ask.") var yes = false
    @Flag(help: "Continue the run that was interrupted. With none, nothing is done.") var resume = false
    @Flag(
        name: .customLong("end-now"),
        help: "With --resume: take nothing more, and certify what the interrupted run did.")
    var endNow = false
    @OptionGroup var runOptions: RunOptions
    @Option(
        help: ArgumentHelp("Overrule a refusal by its name: future-date, clock-skew, short-policy.", valueName: "name"),
        transform: { text in
            guard let danger = PurgeGuard.Danger(rawValue: text) else {
                throw ValidationError(
                    "\"\(text)\" cannot be forced; only future-date, clock-skew and short-policy can.")
            }
            return danger
        })
    var force: [PurgeGuard.Danger] = []
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of rows that the plan has to go; needed where it is more than half of a class.",
            valueName: "rows"), transform: WholeNumber.within(Limits.plannedRows))
    var expectRows: Int64?
    @Flag(name: .shortAndLong, help: "Do not tell on standard error what is being done.") var quiet = false
    @OptionGroup(title: "Certificates") var certificate: CertificateOptions
    @OptionGroup(title: "Certificates") var head: HeadOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        guard resume || !endNow else {
            throw ValidationError("--end-now ends a run that was interrupted; say --resume with it.")
        }
        guard !resume || (plan.asOf == nil && plan.account == nil && expectRows == nil) else {
            throw ValidationError("--resume continues a run as it was begun; give no date, account or rows.")
        }
        guard !resume || (runOptions.namedArchiveDays == nil && force.isEmpty) else {
            throw ValidationError("--resume continues a run as it was begun; leave out --archive-days and --force.")
        }
    }

    func run() async throws {
        guard yes || resume || isatty(STDIN_FILENO) == 1 else {
            throw DaybookError.usage(
                "Nobody is there to ask, so nothing was purged. Look at the plan, then say --yes.")
        }
        let settings = try settings()
        let display = PurgeDisplay(isQuiet: quiet)
        let (outcome, chain) = try await database.withDirectConnection(for: "A purge") { connection in
            defer { display.finish() }
            let purge = Purge(settings, connection) { display.tell($0) }
            LastWords.set { purge.standing.words }
            let outcome = try await run(purge)
            return (outcome, try await purge.head())
        }
        show(outcome)
        try await head.handOn(chain)
    }

    private func run(_ purge: Purge) async throws -> Purge.Outcome? {
        if resume { return try await purge.resume(resumption) }
        let plan = try await purge.prepare()
        if !quiet || !yes { PlanDisplay.show(plan) }
        guard plan.dueRows == 0 || yes || asked(plan) else {
            throw DaybookError(.failed, "Nothing was purged.")
        }
        return try await purge.run(plan)
    }

    private var resumption: Purge.Resumption {
        Purge.Resumption(
            endsNow: endNow, archive: runOptions.archive.map(CertificateOptions.absolute),
            withoutArchive: runOptions.noArchive)
    }

    private func settings() throws -> PurgeSettings {
        try certificate.makeFolder()
        return PurgeSettings(
            asOf: plan.asOf, account: plan.account, archive: try runOptions.place(), certificates: certificate.folder,
            mode: certificate.mode, templates: try certificate.templateSet(),
            signingKey: try certificate.signingKey(), forced: Set(force), expectedRows: expectRows,
            pauses: runOptions.pauses(rests: !plan.noRests), programVersion: Version.current, host: Host.name,
            hostClock: Host.now, openVideos: try runOptions.openVideos())
    }

    private func asked(_ plan: RetentionPlan) -> Bool {
        FileHandle.standardError.write(Data("\nPurge \(plan.dueRows) rows? Type the number to go on: ".utf8))
        return readLine(strippingNewline: true)?.trimmingCharacters(in: .whitespaces) == String(plan.dueRows)
    }

    private func show(_ outcome: Purge.Outcome?) {
        guard let outcome else {
            Terminal.show("Nothing to resume: no purge was interrupted.")
            return
        }
        if let certificate = outcome.certificate {
            Terminal.show("\nPurge \(outcome.run) took \(outcome.takenRows) rows.")
            Terminal.show("Certificate \(certificate.sequence), SHA-256 \(certificate.sha256)")
            if outcome.remainingRows > 0 {
                Terminal.show("\(outcome.remainingRows) rows that were due are still there; the next purge takes them.")
            }
        } else if resume {
            Terminal.show("Nothing to resume. Certificates that were missing in their folder were written:")
        } else {
            Terminal.show("\nNothing was due; nothing was purged.")
        }
        for file in outcome.files { Terminal.show(file) }
    }
}

/// Shows a purge: a bar with rate and remaining time on a terminal, a plain line now and then elsewhere.
final class PurgeDisplay: Sendable {
    private static let width: Int64 = 30
    private static let linesApartSeconds: Int64 = 10

    private struct State {
        var relation = ""
        var firstRows: Int64?
        var lastLine: ContinuousClock.Instant?
        var lastText = ""
    }

    private let isQuiet: Bool
    private let startedAt = ContinuousClock.now
    private let state = Mutex(State())

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    func tell(_ progress: PurgeProgress) {
        guard !isQuiet else { return }
        switch progress {
        case .step(let step): show(step, always: true)
        case .pausing(let reason): show("pausing: \(reason)", always: false)
        case .sweeping(let relation, let done, let pages, let taken, let planned):
            let isNew = state.withLock { state in
                defer { state.relation = relation }
                if state.firstRows == nil { state.firstRows = taken }
                return state.relation != relation
            }
            let first = state.withLock { $0.firstRows ?? taken }
            let seconds = max(Int64((ContinuousClock.now - startedAt) / .seconds(1)), 1)
            let rate = (taken - first) / seconds
            var text = "\(relation) \(bar(done, pages)) \(taken) rows"
            if planned > 0 { text += " of \(planned)" }
            text += ", \(rate) rows/s"
            if rate > 0, planned > taken { text += ", \((planned - taken) / rate + 1) s left" }
            show(text, always: isNew || done == pages)
        }
    }

    func finish() {
        if !isQuiet, Terminal.hasChangingLine { Terminal.change(to: "") }
    }

    private func bar(_ done: Int64, _ pages: Int64) -> String {
        guard Terminal.hasChangingLine else { return "\(done * 100 / max(pages, 1)) %" }
        let filled = Int(done * Self.width / max(pages, 1))
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: Int(Self.width) - filled)
            + "]"
    }

    private func show(_ text: String, always: Bool) {
        guard !Terminal.hasChangingLine else { return Terminal.change(to: text) }
        let isDue = state.withLock { state in
            let now = ContinuousClock.now
            let isDue = state.lastLine.map { now - $0 > .seconds(Self.linesApartSeconds) } ?? true
            guard always || isDue, state.lastText != text else { return false }
            state.lastLine = now
            state.lastText = text
            return true
        }
        if isDue { Terminal.say("daybook: \(text)") }
    }
}
