import Domain
import Postgres
import Reporting

/// How a run tells which months it recorded, and what judging recorded ones anew has found.
enum RecordedListing {
    /// Records what the reports have counted. They are written by then, whatever becomes of it.
    static func record(
        _ outcomes: [SLAReport.Outcome], _ connection: Connection
    ) async throws -> [SLAReport.RecordedVersion] {
        do {
            return try await SLAReport.record(outcomes, connection)
        } catch {
            let isInterruption = error is CancellationError || (error as? PostgresError)?.code == .cancelled
            throw StoppedRun(
                isInterruption && Task.isCancelled ? .interruption : .failure(error),
                standing: "The files of the report are there; no month was recorded.")
        }
    }

    static func show(_ recorded: [SLAReport.RecordedVersion]) {
        guard !recorded.isEmpty else { return Terminal.show("Recorded already: nothing was added.") }
        let accounts = Set(recorded.map(\.account))
        guard accounts.count == 1 else {
            return Terminal.show("Recorded: \(recorded.count) months of \(accounts.count) customers")
        }
        let months = recorded.map { "\($0.month)" + ($0.version > 1 ? " (version \($0.version))" : "") }
        Terminal.show("Recorded: " + months.joined(separator: ", "))
    }

    /// Names what was found on standard error, and what to do about it.
    static func say(_ outcomes: [SLAReport.Outcome], isRecorded: Bool) {
        for outcome in outcomes {
            for finding in outcome.findings { Terminal.say("daybook: \(words(finding, outcome.account?.slug))") }
        }
        let findings = outcomes.flatMap(\.findings)
        guard !isRecorded else { return }
        if findings.contains(where: \.isDifference) {
            Terminal.say(
                "daybook: trends go on with what was recorded. If the rows of today are right, record what they say "
                    + "with --record --recount: a further version, beside the first.")
        } else if !findings.isEmpty {
            Terminal.say("daybook: trends count these months anew until they are recorded again, with --record")
        }
    }

    private static func words(_ finding: RecordedFinding, _ account: String?) -> String {
        let month = "\(finding.month)" + (account.map { " of \($0)" } ?? "") + ", "
        switch finding.kind {
        case .figure(let promise, let subject, let recorded, let counted):
            let name = subject.isEmpty ? promise : "\(promise) of \(subject)"
            return month + "\(name): recorded \(recorded); counted anew \(counted)"
        case .altered:
            return month + "version \(finding.version): what stands there is not what was recorded"
        case .outdated(let reason):
            return month + "version \(finding.version): the same figures, recorded by \(reason)"
        }
    }
}
