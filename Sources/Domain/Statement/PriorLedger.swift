/// What the ledger rows before the month come to: the balances, and what the credits cost.
public struct PriorLedger: Sendable {
    public private(set) var balance: Int64
    /// The part of the balance that is bonus credit.
    public private(set) var bonus: Int64
    /// Of the credits that are left. Empty for a plan whose amounts do not come from purchases.
    public private(set) var costs: CostBook
    /// Purchases without a price, in the order in which they count.
    public var unpricedPurchases: [StatementEntry] = []
    private let keepsCosts: Bool

    /// Nothing yet: the rows follow.
    ///
    /// - Parameter costs: What the credits cost where the ledger was carried forward, else nothing.
    public init(plan: Account.Plan, costs: CostBook = CostBook()) {
        balance = 0
        bonus = 0
        self.costs = costs
        keepsCosts = plan == .prepaid
    }

    /// Balances that somebody else added up, of an account whose costs nobody needs.
    public init(balance: Int64, bonus: Int64) {
        self.balance = balance
        self.bonus = bonus
        costs = CostBook()
        keepsCosts = false
    }

    /// Takes over a row. They come in the order in which they count.
    public mutating func post(_ movement: Movement) {
        balance += movement.credits
        if movement.isBonus { bonus += movement.credits }
        if keepsCosts { costs.post(movement) }
    }
}

/// What credits cost at the instant up to which the ledger was carried forward: what is left of each purchase and
/// grant, and what the batches that can still change had taken from them.
///
/// A ``CostBook`` that begins with it goes on as if it had posted every row before that instant.
public struct CarriedCosts: Sendable, Hashable {
    /// What is left of the credit that one row brought in.
    public struct Lot: Sendable, Hashable {
        /// `permanent` or `bonus`.
        public let bucket: String
        public let entry: Int64
        public let credits: Int64
        public let cost: Dollars

        public init(bucket: String, entry: Int64, credits: Int64, cost: Dollars) {
            self.bucket = bucket
            self.entry = entry
            self.credits = credits
            self.cost = cost
        }
    }

    /// What a batch took from one lot, and has not given back.
    public struct Draw: Sendable, Hashable {
        public let batch: String
        /// The lot's place in ``CarriedCosts/lots``; nil for credit that was never there.
        public let lot: Int?
        public let model: String
        public let credits: Int64
        public let cost: Dollars
        public let kept: Int64
        public let keptCost: Dollars

        public init(
            batch: String, lot: Int?, model: String, credits: Int64, cost: Dollars, kept: Int64, keptCost: Dollars
        ) {
            self.batch = batch
            self.lot = lot
            self.model = model
            self.credits = credits
            self.cost = cost
            self.kept = kept
            self.keptCost = keptCost
        }
    }

    /// In the order in which their credit is spent, bucket by bucket.
    public var lots: [Lot]
    /// Of each batch in the order in which they were taken.
    public var draws: [Draw]
    /// Credits spent that no lot covered.
    public var uncovered: Int64

    public init(lots: [Lot] = [], draws: [Draw] = [], uncovered: Int64 = 0) {
        self.lots = lots
        self.draws = draws
        self.uncovered = uncovered
    }

    public var isEmpty: Bool { lots.isEmpty && draws.isEmpty && uncovered == 0 }
}
