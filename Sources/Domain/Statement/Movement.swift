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
