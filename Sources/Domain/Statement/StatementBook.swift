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
        /// What the row adds to the cost of the credits that are left: the price of a purchase, below nothing for what
        /// was drawn. Nothing on a plan whose amounts do not come from purchases.
        public let worth: Dollars
        public let standing: BatchStanding
    }

    /// How the batch of a row stood when the month began.
    public enum BatchStanding: Sendable, Hashable {
        /// The row is no batch's freeze or refund.
        case none
        /// It names a batch that the account does not have.
        case unknown
        /// Not settled yet.
        case open
        /// Settled, and stated, in an earlier month.
        case settledBefore
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
    private(set) var costs: CostBook
    /// The purchases and grants before the first row of the month; nil until it comes.
    private(set) var opening: [CostBook.Holding]?
    /// What the credits that were left when the month began had cost.
    public private(set) var openingCost: Dollars
    private(set) var singles: SingleVideos
    /// What brought credit in in the month, of a plan whose amounts do not come from it.
    public private(set) var brought: [StatementEntry] = []
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
        openingCost = costs.remainingCost
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
        if isOfMonth, opening == nil { opening = costs.holdings }
        let left = costs.remainingCost
        let cost = plan == .prepaid ? costs.post(entry.movement(model: model, batch: reference)) : .zero
        if entry.type == "purchase", entry.price == nil, entry.credits > 0 {
            unpricedPurchases.append(entry)
        }
        guard isOfMonth else {
            summary.openingBalance += entry.credits
            if entry.isBonus { bonus.openingBalance += entry.credits }
            openingCost = costs.remainingCost
            return nil
        }
        if plan == .payAsYouGo, entry.credits > 0, [.purchases, .bonusGrants, .adjustments].contains(entry.line) {
            brought.append(entry)
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
        let standing: BatchStanding =
            reference == nil
            ? .none
            : place.map { batches[$0].isSettled(before: period.start) ? .settledBefore : .open } ?? .unknown
        return Line(
            entry: entry, model: model, balance: summary.closingBalance,
            worth: Dollars(micros: costs.remainingCost.micros - left.micros), standing: standing)
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

    /// What each model has of a batch, with what its credits cost.
    public func shares(of batch: StatementBatch) -> [StatementBatch.Share] {
        batch.shares { plan == .prepaid ? costs.cost(ofBatch: batch.id, model: $0) : .zero }
    }

    /// What the credits cost that are left at the end of the month.
    public var remainingCost: Dollars { costs.remainingCost }

    /// What the credits cost that batches hold, or have drawn and not been settled for, at the end of the month.
    public var frozenCost: Dollars {
        let open = batches.filter { !$0.isSettled(before: period.end) }
        return Dollars(micros: open.reduce(0) { $0 + costs.cost(ofBatch: $1.id).micros })
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

/// One row of the credit ledger, as a statement reads it.
public struct StatementEntry: Sendable, Hashable {
    public let id: Int64
    /// Nil where the row does not say when it was posted: it belongs to no month.
    public let postedAt: Instant?
    public let type: String
    /// The model that the row names, which is not to be trusted against the batch's tasks.
    public let model: String
    /// `permanent` or `bonus`: which credit it moved.
    public let bucket: String
    /// Signed: what the row adds to the balance.
    public let credits: Int64
    public let referenceType: String
    public let referenceID: String
    /// What a purchase cost; nil where the row does not say.
    public let price: Dollars?
    /// Why somebody adjusted it; empty where nobody said.
    public let reason: String

    /// A row that names no bucket moved bonus credit if it grants or expires it, else purchased credit.
    public init(
        id: Int64, postedAt: Instant?, type: String, model: String = "", bucket: String = "", credits: Int64,
        referenceType: String = "", referenceID: String = "", price: Dollars? = nil, reason: String = ""
    ) {
        self.id = id
        self.postedAt = postedAt
        self.type = type
        self.model = model
        let isGranted = type == "bonus_grant" || (type == "adjust" && referenceType == "bonus_expiry")
        self.bucket = bucket.isEmpty ? (isGranted ? "bonus" : "permanent") : bucket
        self.credits = credits
        self.referenceType = referenceType
        self.referenceID = referenceID
        self.price = price
        self.reason = reason
    }

    /// The line of the statement that the row belongs to.
    public var line: StatementLine {
        switch type {
        case "purchase": .purchases
        case "bonus_grant": .bonusGrants
        case "spend": .spent
        case "refund": .refunds
        default: isExpiry ? .expired : .adjustments
        }
    }

    /// True for a row that takes out bonus credit because it has expired.
    public var isExpiry: Bool { type == "adjust" && referenceType == "bonus_expiry" }
    /// True for a row of a batch's freeze.
    public var isFreeze: Bool { referenceType == "batch_upfront" }
    /// True for a row of a batch's refund.
    public var isRefund: Bool { referenceType == "batch_refund" }
    /// True for a row that spends credit for no batch: a video that was bought by itself.
    public var isSingleVideo: Bool { type == "spend" && !isFreeze && !isRefund }
    /// True for a refund that is no batch's and names what it gives back.
    public var isSingleReturn: Bool { type == "refund" && !isFreeze && !isRefund && !referenceID.isEmpty }
    /// The reference type of a row that stands for those of a whole month.
    public static let carriedForward = "carried_forward"
    /// True for a row that stands for those of a whole month.
    public var isCarriedForward: Bool { referenceType == Self.carriedForward }
    /// True for credit that was granted and may expire.
    public var isBonus: Bool { bucket == "bonus" }
}

/// What a ledger row moves: all that balances, batches and the cost of the credits need of it.
public struct Movement: Sendable, Hashable {
    /// What of a batch the row is of.
    public enum Reference: Int64, Sendable, Hashable {
        /// Of none.
        case none = 0
        case refund = 1
        case freeze = 2
        /// Of none, and a video that was bought by itself: spent, or given back.
        case single = 3
    }

    /// The row's id.
    public let entry: Int64
    public let postedAt: Instant?
    public let reference: Reference
    /// True for a purchase: credit that has a price.
    public let isPurchase: Bool
    /// True for credit that was granted and may expire.
    public let isBonus: Bool
    /// True for a row that stands for those of a whole month.
    public let isCarriedForward: Bool
    /// Signed: what the row adds to the balance.
    public let credits: Int64
    /// Of a freeze or a refund, and what a single video's rows have in common; else nil.
    public let batch: BatchReference?
    /// The model of its batch, or what the row says of it.
    public var model: String
    /// What a purchase cost; nil where the row does not say.
    public let price: Dollars?

    public init(
        entry: Int64, postedAt: Instant?, reference: Reference, isPurchase: Bool, isBonus: Bool,
        isCarriedForward: Bool = false, credits: Int64, batch: BatchReference? = nil, model: String = "",
        price: Dollars? = nil
    ) {
        self.entry = entry
        self.postedAt = postedAt
        self.reference = reference
        self.isPurchase = isPurchase
        self.isBonus = isBonus
        self.isCarriedForward = isCarriedForward
        self.credits = credits
        self.batch = batch
        self.model = model
        self.price = price
    }
}

extension StatementEntry {
    /// What the row moves. `model` is that of its batch.
    public func movement(model: String) -> Movement {
        movement(model: model, batch: isFreeze || isRefund ? BatchReference(referenceID) : nil)
    }

    /// What the rows of a single video have in common: its reference, and of a row without one the row itself.
    public var singleReference: BatchReference {
        BatchReference(single: referenceID.isEmpty ? "entry \(id)" : referenceID)
    }

    /// The same for whoever knows the reference already: nil unless the row is of a freeze or a refund.
    func movement(model: String, batch: BatchReference?) -> Movement {
        let isSingle = isSingleVideo || isSingleReturn
        return Movement(
            entry: id, postedAt: postedAt,
            reference: isFreeze ? .freeze : isRefund ? .refund : isSingle ? .single : .none,
            isPurchase: type == "purchase", isBonus: isBonus, isCarriedForward: isCarriedForward, credits: credits,
            batch: isSingle ? singleReference : batch, model: model, price: price)
    }
}
