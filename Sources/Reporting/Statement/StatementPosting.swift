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
        var prior: PriorLedger
        /// Late rows that the month lists.
        var listed: [Int64] = []
        var kept: [KeptRow] = []
    }

    /// Gives the book before it is finished and, where they are kept, the rows that no closed month had.
    func post(into writer: EntryWriter) throws -> (StatementBook, [KeptRow]) {
        let batches = try reader.batches(of: number)
        let closed = try reader.closedIDs(of: subject)
        let sums = reader.sums(of: number)
        let hasHistory = reader.scope.needsHistory(subject)
        let history = hasHistory ? try history(batches, closed) : History(prior: sums.prior)
        var book = StatementBook(
            period: subject.known, plan: subject.account.plan, batches: batches, total: sums.total,
            prior: history.prior)
        var kept = history.kept
        func post(_ entry: StatementEntry, lateAt: Instant? = nil) throws {
            let effectiveAt = lateAt ?? entry.postedAt
            if keepsRows, !entry.isCarriedForward, let effectiveAt, effectiveAt < subject.period.end,
                effectiveAt >= subject.known.start, !closed.contains(entry.id)
            {
                kept.append((entry.id, entry.credits))
            }
            if let line = book.post(entry, effectiveAt: effectiveAt) { try writer.write(line, isLate: lateAt != nil) }
        }
        guard let ledger = subject.ledger else {
            try reader.forEachEntry(of: number) { try post($0) }
            return (book, kept)
        }
        var late = try reader.entries(history.listed, of: subject)
        let listed = Set(history.listed)
        func postLate() throws {
            for entry in late { try post(entry, lateAt: ledger.end) }
            late.removeAll()
        }
        try reader.forEachEntry(of: number) { entry in
            guard let postedAt = entry.postedAt, !listed.contains(entry.id) else { return }
            if isLate(entry.id, at: postedAt, entry.isCarriedForward, closed) {
                late.append(entry)
            } else {
                if postedAt >= ledger.end { try postLate() }
                try post(entry)
            }
        }
        try postLate()
        return (book, kept)
    }

    private func history(_ batches: [StatementBatch], _ closed: Set<Int64>) throws -> History {
        let models = Dictionary(batches.compactMap { batch in batch.onlyModel.map { (batch.id, $0) } }) { first, _ in
            first
        }
        let plan = subject.account.plan
        var history = History(
            prior: carried.map { PriorLedger(plan: plan, costs: $0.costBook(of: subject.account.userID)) }
                ?? PriorLedger(plan: plan))
        var late: [Movement] = []
        func post(_ movement: Movement) {
            if keepsRows, !movement.isCarriedForward, !closed.contains(movement.entry) {
                history.kept.append((movement.entry, movement.credits))
            }
            var movement = movement
            if !models.isEmpty, let model = models[movement.batch] { movement.model = model }
            history.prior.post(movement)
        }
        func postLate() {
            for movement in late { post(movement) }
            late.removeAll()
        }
        try reader.forEachMovement(of: number) { movement in
            guard let ledger = subject.ledger, let postedAt = movement.postedAt else { return post(movement) }
            if isLate(movement.entry, at: postedAt, movement.isCarriedForward, closed) {
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

    /// True for a row of a closed month that was not there when it was closed. What was carried forward stands for
    /// rows that were.
    private func isLate(_ id: Int64, at postedAt: Instant, _ isCarriedForward: Bool, _ closed: Set<Int64>) -> Bool {
        guard let ledger = subject.ledger, !isCarriedForward else { return false }
        return postedAt < ledger.end && !closed.contains(id)
    }
}
