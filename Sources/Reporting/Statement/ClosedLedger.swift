import Domain

/// How far an account's ledger is closed.
struct ClosedLedger: Sendable {
    /// The last closed month.
    let month: Month
    /// Its end: what appears with an earlier instant is late.
    let end: Instant
    let closedAt: Instant
    /// Its hash, which the next month's is chained to.
    let hash: String
}
