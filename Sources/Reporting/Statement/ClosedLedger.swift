import Domain

/// The rows of one account that its closed months have shown.
struct ClosedLedger: Sendable {
    /// The last closed month.
    let month: Month
    /// Its end: what appears with an earlier instant is late.
    let end: Instant
    let closedAt: Instant
    /// Its hash, which the next month's is chained to.
    let hash: String
    /// The ids of every row that was there when the months were closed.
    let ids: Set<Int64>

    /// True for a row of a closed month that was not there when it was closed. What was carried forward stands for rows
    /// that were.
    func isLate(_ entry: StatementEntry) -> Bool {
        guard let postedAt = entry.postedAt, !entry.isCarriedForward else { return false }
        return postedAt < end && !ids.contains(entry.id)
    }
}
