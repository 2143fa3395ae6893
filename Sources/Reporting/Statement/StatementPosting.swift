import Domain

/// Posts the rows of one account in the order in which they count: those before the month by what they move alone,
/// then those that its statement shows.
///
/// A row that appeared after its month was closed is late: it counts at the end of the last closed month.
struct StatementPosting {
    typealias KeptRow = (id: Int64, credits: Int64)

    let subject: StatementAccount
    let number: Int64
    let reader: StatementReader
    /// Nil where no ledger row was carried forward.
    let carried: CarriedLedger?
    /// True for whoever closes the month.
    let keepsRows: Bool

    /// What the rows before the month come to.
    private struct History {
        var batches: [StatementBatch]
        var prior: PriorLedger
        /// Late rows that the month lists.
        var listed: [Int64] = []
        var kept: [KeptRow] = []
    }

    /// Gives the book before it is finished and, where they are kept, the rows that no closed month had.
    func post(into writer: EntryWriter) throws -> (StatementBook, [KeptRow]) {
        let closed = try reader.closedIDs(of: subject)
        let sums = reader.sums(of: number)
        var history = try history(closed, sums)
        if sums.unpriced > 0 {
            history.prior.unpricedPurchases = try reader.unpricedPurchases(of: subject).filter { purchase in
                purchase.postedAt.map { effectiveAt(purchase.id, $0, closed) < subject.known.start } ?? false
            }
        }
        var book = StatementBook(
            period: subject.known, plan: subject.account.plan, batches: history.batches, total: sums.total,
            prior: history.prior)
        var kept = history.kept
        func post(_ entry: StatementEntry, lateAt: Instant? = nil) throws {
            if keepsRows, !entry.isCarriedForward, !closed.contains(entry.id) { kept.append((entry.id, entry.credits)) }
            if let line = book.post(entry, effectiveAt: lateAt) { try writer.write(line, isLate: lateAt != nil) }
        }
        // What is late counts at one instant, so it comes before the first row that is not earlier.
        var late = try reader.entries(history.listed, of: subject)
        func postLate() throws {
            for entry in late { try post(entry, lateAt: subject.ledger?.end) }
            late.removeAll()
        }
        try reader.forEachEntry(of: number) { entry in
            guard let ledger = subject.ledger, let postedAt = entry.postedAt else { return try post(entry) }
            guard !isLate(entry.id, postedAt, closed, isCarriedForward: entry.isCarriedForward) else {
                if ledger.end < subject.known.end { late.append(entry) }
                return
            }
            if postedAt >= ledger.end { try postLate() }
            try post(entry)
        }
        try postLate()
        return (book, kept)
    }

    private func history(_ closed: Set<Int64>, _ sums: StatementReader.Sums) throws -> History {
        let batches = try reader.batches(of: number)
        guard reader.scope.needsHistory(subject) else {
            return History(batches: batches, prior: PriorLedger(balance: sums.opening, bonus: sums.openingBonus))
        }
        let places = Dictionary(batches.enumerated().map { (BatchReference($1.id), $0) }) { first, _ in first }
        let plan = subject.account.plan
        let costs = carried.map { $0.costBook(of: subject.account.userID) } ?? CostBook()
        var history = History(batches: batches, prior: PriorLedger(plan: plan, costs: costs))
        var late: [Movement] = []
        func post(_ movement: Movement) {
            if keepsRows, !movement.isCarriedForward, !closed.contains(movement.entry) {
                history.kept.append((movement.entry, movement.credits))
            }
            var movement = movement
            if let batch = movement.batch, let place = places[batch] {
                history.batches[place].postBefore(movement)
                movement.model = batches[place].model(orElse: movement.model)
            }
            history.prior.post(movement)
        }
        func postLate() {
            for movement in late { post(movement) }
            late.removeAll()
        }
        try reader.forEachMovement(of: number) { movement in
            guard let ledger = subject.ledger, let postedAt = movement.postedAt else { return post(movement) }
            if isLate(movement.entry, postedAt, closed, isCarriedForward: movement.isCarriedForward) {
                if ledger.end < subject.known.start {
                    late.append(movement)
                } else if ledger.end < subject.known.end {
                    history.listed.append(movement.entry)
                }
            } else {
                if postedAt >= ledger.end { postLate() }
                post(movement)
            }
        }
        postLate()
        return history
    }

    /// When a row that was not carried forward counts.
    private func effectiveAt(_ id: Int64, _ postedAt: Instant, _ closed: Set<Int64>) -> Instant {
        isLate(id, postedAt, closed, isCarriedForward: false) ? subject.ledger?.end ?? postedAt : postedAt
    }

    /// True for a row of a closed month that was not there when it was closed. What was carried forward stands for
    /// rows that were.
    private func isLate(_ id: Int64, _ postedAt: Instant, _ closed: Set<Int64>, isCarriedForward: Bool) -> Bool {
        guard let ledger = subject.ledger, !isCarriedForward else { return false }
        return postedAt < ledger.end && !closed.contains(id)
    }
}
