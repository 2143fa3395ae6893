/// What one model was used for in a month: in the batches settled in it, or in single videos.
public struct StatementUsage: Sendable, Hashable {
    /// How the videos were ordered.
    public enum Source: String, Sendable, Hashable, CaseIterable {
        case batch
        /// One by one, without a batch.
        case single
    }

    public let source: Source
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

    public init(source: Source = .batch, model: String, plan: Account.Plan) {
        self.source = source
        self.model = model
        self.plan = plan
    }

    /// Adds a batch's share of the model.
    public mutating func add(_ share: StatementBatch.Share) {
        if share.items > 0 { batches += 1 }
        items += share.items
        succeeded += share.succeeded
        failed += share.failed
        creditsFrozen += share.frozen
        creditsRefunded += share.refunded
        creditsSpent += share.delivered
        cost = Dollars(micros: cost.micros + share.cost.micros)
    }

    /// Adds the ledger row of a single video, and what its credits cost.
    mutating func add(single credits: Int64, cost: Dollars) {
        items += 1
        succeeded += 1
        creditsFrozen += credits
        creditsSpent += credits
        self.cost = Dollars(micros: self.cost.micros + cost.micros)
    }

    /// Adds a refund of single videos, and what those credits had cost.
    mutating func add(returned credits: Int64, cost: Dollars) {
        creditsRefunded += credits
        creditsSpent -= credits
        self.cost = Dollars(micros: self.cost.micros - cost.micros)
    }

    /// Takes back so many videos that had counted as delivered, in this month or in an earlier one.
    mutating func takeBack(_ videos: Int64) {
        succeeded -= videos
        failed += videos
    }

    /// Counts a batch without tasks.
    public mutating func countBatch() { batches += 1 }

    /// The list price of a video where one was agreed: pay as you go, and a model that is on the list.
    public var unitPrice: Dollars? { plan == .payAsYouGo ? PriceList.price(ofModel: model) : nil }

    /// In whole cents, half a cent up. Pay as you go: the list price of what succeeded. Prepaid: what the credits
    /// cost that were spent. Below nothing where single videos of an earlier month were given back.
    public var amount: Dollars? {
        let exact = plan == .prepaid ? cost : unitPrice.map { Dollars(micros: $0.micros * succeeded) }
        return exact.map { exact in
            let (cents, rest) = (exact.micros + 5_000).quotientAndRemainder(dividingBy: 10_000)
            return Dollars(micros: (rest < 0 ? cents - 1 : cents) * 10_000)
        }
    }
}
