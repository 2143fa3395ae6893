/// What a ledger row moves: all that balances and the cost of the credits need of it.
public struct Movement: Sendable, Hashable {
    /// What the row does to the cost of the credits; its credits say in which direction.
    public enum Kind: Int64, Sendable, Hashable {
        /// Anything else: a grant or an adjustment brings credit that cost nothing, or takes some out.
        case other = 0
        /// Brings back credit of a batch.
        case refund = 1
        /// Brings credit that has a price.
        case purchase = 2
        /// Takes credit for a batch.
        case freeze = 3
    }

    /// The row's id.
    public let entry: Int64
    public let postedAt: Instant?
    public let kind: Kind
    /// True for credit that was granted and may expire.
    public let isBonus: Bool
    /// True for a row that stands for those of a whole month.
    public let isCarriedForward: Bool
    /// Signed: what the row adds to the balance.
    public let credits: Int64
    /// Of a freeze or a refund, else empty.
    public let batch: String
    /// The model of its batch, or what the row says of it.
    public var model: String
    /// What a purchase cost; nil where the row does not say.
    public let price: Dollars?

    public init(
        entry: Int64, postedAt: Instant?, kind: Kind, isBonus: Bool, isCarriedForward: Bool = false, credits: Int64,
        batch: String = "", model: String = "", price: Dollars? = nil
    ) {
        self.entry = entry
        self.postedAt = postedAt
        self.kind = kind
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
        let kind: Movement.Kind =
            if credits > 0 {
                isRefund ? .refund : type == "purchase" ? .purchase : .other
            } else {
                credits < 0 && isFreeze ? .freeze : .other
            }
        return Movement(
            entry: id, postedAt: postedAt, kind: kind, isBonus: isBonus, isCarriedForward: isCarriedForward,
            credits: credits, batch: kind == .freeze || kind == .refund ? referenceID : "", model: model, price: price)
    }
}
