/// What one model was used for in the batches settled in a month.
public struct StatementUsage: Sendable, Hashable {
    public let model: String
    public let plan: Account.Plan
    public private(set) var batches: Int64 = 0
    public private(set) var items: Int64 = 0
    public private(set) var succeeded: Int64 = 0
    public private(set) var failed: Int64 = 0
    public private(set) var creditsFrozen: Int64 = 0
    public private(set) var creditsRefunded: Int64 = 0
    public private(set) var creditsSpent: Int64 = 0
    private var cost = Dollars.zero

    public init(model: String, plan: Account.Plan) {
        self.model = model
        self.plan = plan
    }

    /// Adds a batch's part of the model, and what the credits that it did not give back cost.
    public mutating func add(_ part: StatementBatch.Part, cost: Dollars) {
        if part.items > 0 { batches += 1 }
        items += part.items
        succeeded += part.succeeded
        failed += part.failed
        creditsFrozen += part.frozen
        creditsRefunded += part.refunded
        creditsSpent += part.delivered
        self.cost = Dollars(micros: self.cost.micros + cost.micros)
    }

    /// Counts a batch without tasks.
    public mutating func countBatch() { batches += 1 }

    /// The list price of a video where one was agreed: pay as you go, and a model that is on the list.
    public var unitPrice: Dollars? { plan == .payAsYouGo ? PriceList.price(ofModel: model) : nil }

    /// In whole cents, half a cent up. Pay as you go: the list price of what succeeded. Prepaid: what the credits
    /// cost that were spent.
    public var amount: Dollars? {
        let exact = plan == .prepaid ? cost : unitPrice.map { Dollars(micros: $0.micros * succeeded) }
        return exact.map { Dollars(micros: ($0.micros + 5_000) / 10_000 * 10_000) }
    }
}
