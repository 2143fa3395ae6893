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
