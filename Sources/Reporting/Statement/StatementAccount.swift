import Domain

/// One account of a statement run, with its month and what is known of it.
struct StatementAccount: Sendable {
    let account: Account
    /// The whole month in the account's zone.
    let period: Period
    /// The zone of the month for people; both, where it begins in another one.
    let zoneText: String
    /// The instant as of which the statement is judged.
    let cutoff: Instant
    /// When everything that could still happen to the month has happened.
    let finalityAt: Instant
    /// True where the cutoff is the run's own now: the figures show it, but only the manifest may name it.
    let isCutoffNow: Bool
    let contract: SLAScope.Contract
    /// What was closed before; nil where nothing was.
    var closed: ClosedLedger?
    /// The first close, where the month ends before it or with it and was not closed: a later row may not change it.
    var firstClose: ClosedLedger?
    /// What decides which rows are late.
    var ledger: ClosedLedger? { closed ?? firstClose }

    /// `final` from the finality instant on.
    var isFinal: Bool { cutoff >= finalityAt }
    /// The cutoff for people, the same in every run.
    var asOf: String { isCutoffNow ? "the snapshot that manifest.json names" : cutoff.description }
    /// What the amounts are in.
    static let currencyText = "USD; credits are whole numbers"
    /// The plan for people.
    var planText: String { account.plan == .prepaid ? "prepaid packages" : "pay as you go" }
    /// The month, or the part of it that is known: an event at exactly the cutoff has happened.
    var known: Period {
        Period(start: period.start, end: min(period.end, Instant(microseconds: cutoff.microseconds + 1)))
    }
}
