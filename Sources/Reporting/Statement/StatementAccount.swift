import Domain

/// One account of a statement run, with its month and what is known of it.
struct StatementAccount: Sendable {
    let account: Account
    /// The whole month in the account's zone.
    let period: Period
    /// The instant as of which the statement is judged.
    let cutoff: Instant
    /// When everything that could still happen to the month has happened.
    let finalityAt: Instant
    let contract: SLAScope.Contract
    /// What was closed before; nil where nothing was.
    var closed: ClosedLedger?

    /// `final` from the finality instant on.
    var isFinal: Bool { cutoff >= finalityAt }
    /// The month, or the part of it that is known: an event at exactly the cutoff has happened.
    var known: Period {
        Period(start: period.start, end: min(period.end, Instant(microseconds: cutoff.microseconds + 1)))
    }
}
