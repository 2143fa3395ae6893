import Domain

/// The ledger rows of an account that its closed months have, each with the close that showed it first: what decides
/// when a row counts.
struct ClosedRows: Sendable {
    /// A closed month.
    struct Close: Sendable, Hashable {
        let month: Month
        let end: Instant
        let closedAt: Instant
    }

    /// In their order.
    let closes: [Close]
    /// The place of the close, by row.
    private let shown: [Int64: Int32]

    init(closes: [Close] = [], shown: [Int64: Int32] = [:]) {
        self.closes = closes
        self.shown = shown
    }

    func contains(_ id: Int64) -> Bool { shown[id] != nil }

    /// The close that made a row late; nil where it counts at its own instant. A row that appeared after its month was
    /// closed counts at the end of the last month that was closed by then, whatever is closed since.
    func late(_ id: Int64, _ postedAt: Instant) -> Close? {
        let before = shown[id].map { Int($0) } ?? closes.count
        guard before > 0, postedAt < closes[before - 1].end else { return nil }
        return closes[before - 1]
    }

    /// The closed month that a row stands in; nil for one that no closed month has.
    func month(of entry: StatementEntry) -> Month? {
        guard let place = shown[entry.id], let postedAt = entry.postedAt else { return nil }
        // The first close has every row of before.
        let at = late(entry.id, postedAt)?.end ?? postedAt
        return closes.first { at < $0.end }?.month ?? closes[Int(place)].month
    }

    /// Rows in the order in which they count.
    func ordered(_ entries: [StatementEntry]) -> [StatementEntry] {
        guard !closes.isEmpty else { return entries }
        let keys = entries.map { entry -> (Instant, Int) in
            guard let postedAt = entry.postedAt else { return (.distantPast, 1) }
            guard !entry.isCarriedForward, let close = late(entry.id, postedAt) else { return (postedAt, 1) }
            return (close.end, 0)
        }
        return entries.indices.sorted { left, right in
            (keys[left].0, keys[left].1, left) < (keys[right].0, keys[right].1, right)
        }.map { entries[$0] }
    }
}
