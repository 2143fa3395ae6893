/// Works out one customer's statement from the batches and the ledger rows of one snapshot.
///
/// A pure value. Rows are posted in the order in which they count: by the instant, then by the id.
public struct StatementBook: Sendable {
    /// A row of the month as the statement lists it.
    public struct Line: Sendable, Hashable {
        public let entry: StatementEntry
        /// The model of its batch's tasks, else what the row says.
        public let model: String
        /// The balance after it.
        public let balance: Int64
    }

    /// From the month's first instant to its end, or to what is known at the cutoff. What comes after it never
    /// changes the statement.
    public let period: Period
    public let plan: Account.Plan
    public private(set) var summary = StatementSummary()
    /// The part of the balances and movements that is bonus credit.
    public private(set) var bonus = StatementSummary()
    /// The sum of all rows, whenever they were posted.
    public private(set) var ledgerTotal: Int64
    /// Purchases of the month or before without a price: they are valued at list.
    public private(set) var unpricedPurchases: [StatementEntry] = []
    private var batches: [StatementBatch]
    private let places: [BatchReference: Int]
    private var costs: CostBook
    private var singles: SingleVideos
    /// By the reference of what is to blame: what the statement cannot reconcile.
    private var blame: [String: Int64] = [:]
    /// True where the ledger's sum is known from the start.
    private let hasTotal: Bool

    /// Begins a book.
    ///
    /// - Parameters:
    ///   - total: The sum of all rows, whenever they were posted; nil has every row posted here counted.
    ///   - prior: What the rows before the month come to, where they are posted already: into it, and into the
    ///     batches. Nil has all of them posted here.
    public init(
        period: Period, plan: Account.Plan, batches: [StatementBatch], total: Int64? = nil, prior: PriorLedger? = nil
    ) {
        self.period = period
        self.plan = plan
        self.batches = batches
        places = Dictionary(batches.enumerated().map { (BatchReference($1.id), $0) }) { first, _ in first }
        hasTotal = total != nil
        ledgerTotal = total ?? 0
        costs = prior?.costs ?? CostBook()
        singles = SingleVideos(plan: plan)
        summary.openingBalance = prior?.balance ?? 0
        bonus.openingBalance = prior?.bonus ?? 0
        unpricedPurchases = prior?.unpricedPurchases ?? []
    }

    /// Posts a row, and gives its line if it belongs to the month.
    ///
    /// `effectiveAt` is when it counts: later than its own instant where its month was closed already.
    public mutating func post(_ entry: StatementEntry, effectiveAt: Instant? = nil) -> Line? {
        if !hasTotal { ledgerTotal += entry.credits }
        guard let instant = effectiveAt ?? entry.postedAt, instant < period.end else { return nil }
        let isOfMonth = instant >= period.start
        let reference = entry.isFreeze || entry.isRefund ? BatchReference(entry.referenceID) : nil
        let place = reference.flatMap { places[$0] }
        var model = entry.model
        if let place {
            model = batches[place].model(orElse: entry.model)
            batches[place].post(entry, at: instant, in: period)
        }
        let cost = plan == .prepaid ? costs.post(entry.movement(model: model, batch: reference)) : .zero
        if entry.type == "purchase", entry.price == nil, entry.credits > 0 {
            unpricedPurchases.append(entry)
        }
        guard isOfMonth else {
            summary.openingBalance += entry.credits
            if entry.isBonus { bonus.openingBalance += entry.credits }
            return nil
        }
        summary.add(entry.credits, to: entry.line)
        if entry.isBonus { bonus.add(entry.credits, to: entry.line) }
        if entry.isSingleVideo {
            singles.spend(entry, cost: cost, isLate: (entry.postedAt ?? instant) < period.start)
        } else if entry.isSingleReturn {
            singles.giveBack(entry, cost: cost)
        } else if entry.line == .spent || entry.line == .refunds {
            blame[place == nil ? "entry \(entry.id)" : entry.referenceID, default: 0] -= entry.credits
        }
        return Line(entry: entry, model: model, balance: summary.closingBalance)
    }

    /// The references of refunds that name no batch: what the ledger has of them decides what they are.
    public var singleReferences: [String] { singles.references }

    /// Ends the single videos: which refunds give back what. Call it once, after the last row.
    public mutating func settleSingles(_ charges: [SingleVideos.Charge]) {
        for entry in singles.settle(charges) { blame["entry \(entry.id)", default: 0] -= entry.credits }
        summary.singleVideos = singles.credits
    }

    /// Ends the account: what is held, delivered, and to blame. Call it once, after the last row.
    public mutating func finish(wallet: Int64?, expiredUnbooked: Int64?) {
        for batch in batches {
            let before = batch.heldBefore(period.start, isEnd: false)
            let after = batch.heldBefore(period.end, isEnd: true)
            let delivered = isOfMonth(batch) ? batch.delivered : 0
            summary.heldOpening += before
            summary.heldClosing += after
            summary.delivered += delivered
            let change = delivered + after - before
            if change != 0 { blame[batch.id, default: 0] -= change }
        }
        summary.unexplained = wallet.map { $0 - ledgerTotal }
        summary.expiredUnbooked = expiredUnbooked
    }

    /// Batches settled in the month, by their ids.
    public var settledBatches: [StatementBatch] { sorted { isOfMonth($0) } }

    /// Batches that hold credit at the end of the month, by their ids.
    public var openBatches: [StatementBatch] {
        sorted { $0.heldBefore(period.end, isEnd: true) > 0 }
    }

    /// What is to blame for the unreconciled credits, by reference; the credits add up to them.
    public var differences: [(reference: String, credits: Int64)] {
        blame.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Usage by model of the batches settled in the month, and after it that of the single videos.
    public var usage: [StatementUsage] {
        var byModel: [String: StatementUsage] = [:]
        for batch in settledBatches {
            let shares = batch.shares { plan == .prepaid ? costs.cost(ofBatch: batch.id, model: $0) : .zero }
            for share in shares {
                byModel[share.model, default: StatementUsage(model: share.model, plan: plan)].add(share)
            }
            // A batch without tasks has no model, whatever its rows say.
            if batch.items == 0 { byModel["", default: StatementUsage(model: "", plan: plan)].countBatch() }
        }
        return [Array(byModel.values), singles.usage].flatMap { usage in
            usage.sorted { Array($0.model.utf8).lexicographicallyPrecedes(Array($1.model.utf8)) }
        }
    }

    /// How many of the batches settled in the month nobody wrote down when they were.
    public var estimatedSettlements: Int { settledBatches.count { $0.isSettlementEstimated } }

    /// Credits spent, ever, that no purchase covers: they cost nothing here.
    public var uncoveredCredits: Int64 { costs.uncovered }

    private func isOfMonth(_ batch: StatementBatch) -> Bool {
        batch.settledAt.map { period.contains($0) } ?? false
    }

    private func sorted(_ isIncluded: (StatementBatch) -> Bool) -> [StatementBatch] {
        batches.filter(isIncluded).sorted { $0.id < $1.id }
    }
}
