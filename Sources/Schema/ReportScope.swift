package import Domain
package import Postgres

/// As of when a month is judged: what the SLA report, statements and closes settle before their first figure.
package struct ReportScope: Sendable, Hashable {
    /// Whose month it is, as a sentence begins: `The SLA report of 2026-10`.
    package let title: String
    /// The whole month in its zone.
    package let period: Period
    /// When everything that could still happen to the month has happened.
    package let finalityAt: Instant
    /// The instant of the database's snapshot.
    package let snapshotAt: Instant
    /// The cutoff that was asked for, nil for none.
    private let askedCutoff: Instant?

    /// - Parameter contracts: Those that judge rows of the month; the longest of their limits decides the finality.
    package init(
        title: String, period: Period, contracts: [Contracts.Contract], cutoff: Instant?, snapshotAt: Instant
    ) {
        self.init(
            title: title, period: period, finalityAt: Self.finality(of: period, contracts), cutoff: cutoff,
            snapshotAt: snapshotAt)
    }

    init(title: String, period: Period, finalityAt: Instant, cutoff: Instant?, snapshotAt: Instant) {
        self.title = title
        self.period = period
        self.finalityAt = finalityAt
        self.snapshotAt = snapshotAt
        askedCutoff = cutoff
    }

    /// When everything that could still happen to a month has happened: after its end, the longest limit of its
    /// contracts and a grace.
    package static func finality(of period: Period, _ contracts: [Contracts.Contract]) -> Instant {
        let longestSeconds = contracts.map(\.profile.longestLimitSeconds).max() ?? 0
        return period.end.adding(seconds: longestSeconds + Limits.finalityGraceHours * 3600)
    }

    /// The instant as of which everything is judged.
    package var cutoff: Instant { askedCutoff ?? min(snapshotAt, finalityAt) }
    /// `final` from the finality instant on, else `preliminary`.
    package var isFinal: Bool { cutoff >= finalityAt }
    /// True where the cutoff is the run's own now.
    package var isCutoffNow: Bool { askedCutoff == nil && snapshotAt < finalityAt }
    /// False for a month of which nothing is known yet.
    package var hasBegun: Bool { period.start < (askedCutoff ?? snapshotAt) }

    /// Throws `tryAgain` on a standby that has yet to replay what the report would count: of a month that is over and
    /// final by now, or up to a cutoff.
    package func requireReplayed(_ session: Session) throws {
        guard let replayedAt = session.replay?.replayedAt else { return }
        let now = try session.query("SELECT pg_catalog.transaction_timestamp() AS now")[0].instant("now")
        if let refusal = refusal(replayedAt: replayedAt, now: now) { throw refusal }
    }

    /// Why a standby that has replayed so far says nothing of the month now; nil where it can.
    func refusal(replayedAt: Instant, now: Instant) -> DaybookError? {
        let neededAt = min(askedCutoff ?? finalityAt, finalityAt)
        guard replayedAt < neededAt, neededAt <= now else { return nil }
        return DaybookError(
            .tryAgain,
            "\(title) needs what the primary had at \(neededAt), and this standby has replayed it to \(replayedAt)",
            .awaitReplay)
    }

    /// Throws `usage` for a cutoff that is still to come.
    package func requireKnownCutoff() throws(DaybookError) {
        guard let askedCutoff, askedCutoff > snapshotAt else { return }
        throw .usage("The cutoff \(askedCutoff) lies after the database's now, \(snapshotAt).")
    }
}
