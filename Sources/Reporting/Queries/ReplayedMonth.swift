import Domain
import Postgres

/// What a standby can say of a month: a final report needs everything that the primary had by the month's finality.
struct ReplayedMonth {
    /// Whose month it is, as a sentence begins.
    let title: String
    let finalityAt: Instant
    /// The cutoff that was asked for, nil for none.
    let cutoff: Instant?

    /// Throws `tryAgain` on a standby that has yet to replay what the report would count: of a month that is over and
    /// final by now, or up to a cutoff.
    func require(_ session: Session) throws {
        guard let replayedAt = session.replay?.replayedAt else { return }
        let now = try session.query("SELECT pg_catalog.transaction_timestamp() AS now")[0].instant("now")
        if let refusal = refusal(replayedAt: replayedAt, now: now) { throw refusal }
    }

    /// Why a standby that has replayed so far says nothing of the month now; nil where it can.
    func refusal(replayedAt: Instant, now: Instant) -> DaybookError? {
        let neededAt = min(cutoff ?? finalityAt, finalityAt)
        guard replayedAt < neededAt, neededAt <= now else { return nil }
        return DaybookError(
            .tryAgain,
            "\(title) needs what the primary had at \(neededAt), and this standby has replayed it to \(replayedAt): "
                + "try again later, report from the primary, or name an earlier --cutoff for a preliminary report.")
    }
}
