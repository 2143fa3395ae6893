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

/// Videos that were bought one by one: rows of the ledger that spend credit for no batch, and refunds that name the
/// same reference.
public struct SingleVideos: Sendable {
    /// What the ledger has of one reference by the end of the month, of one model.
    public struct Charge: Sendable, Hashable {
        public let reference: String
        public let model: String
        /// How many rows spent credit before the month.
        public let rowsBefore: Int64
        /// True where a refund named the reference before the month.
        public let isReturnedBefore: Bool

        public init(reference: String, model: String, rowsBefore: Int64, isReturnedBefore: Bool) {
            self.reference = reference
            self.model = model
            self.rowsBefore = rowsBefore
            self.isReturnedBefore = isReturnedBefore
        }
    }

    /// A refund of the month whose reference is no batch's, with what its credits had cost.
    struct Return: Sendable {
        let entry: StatementEntry
        let cost: Dollars
    }

    private struct Place: Hashable {
        let reference: String
        let model: String
    }

    private let plan: Account.Plan
    private var byModel: [String: StatementUsage] = [:]
    /// Rows of the month by reference and model, and those of them that are dated before it.
    private var rows: [Place: (count: Int64, late: Int64)] = [:]
    private var returns: [Return] = []
    /// Spent less given back.
    private(set) var credits: Int64 = 0

    init(plan: Account.Plan) {
        self.plan = plan
    }

    /// The references of the refunds that may be of single videos: what the ledger says of them is wanted.
    var references: [String] { Array(Set(returns.map(\.entry.referenceID))).sorted() }

    mutating func spend(_ entry: StatementEntry, cost: Dollars, isLate: Bool) {
        credits -= entry.credits
        usage(of: entry.model) { $0.add(single: -entry.credits, cost: cost) }
        guard !entry.referenceID.isEmpty else { return }
        let place = Place(reference: entry.referenceID, model: entry.model)
        rows[place, default: (0, 0)].count += 1
        if isLate { rows[place, default: (0, 0)].late += 1 }
    }

    mutating func giveBack(_ entry: StatementEntry, cost: Dollars) {
        returns.append(Return(entry: entry, cost: cost))
    }

    /// Says of the refunds whether they are of single videos; call it once, after the last row. Gives those that are of
    /// nothing.
    mutating func settle(_ charges: [Charge]) -> [StatementEntry] {
        let known = Dictionary(grouping: charges, by: \.reference)
        var strangers: [StatementEntry] = []
        var named: Set<String> = []
        for returned in returns {
            guard let own = known[returned.entry.referenceID], let first = own.first else {
                strangers.append(returned.entry)
                continue
            }
            let model = (own.first { $0.model == returned.entry.model } ?? first).model
            credits -= returned.entry.credits
            usage(of: model) { $0.add(returned: returned.entry.credits, cost: returned.cost) }
            named.insert(returned.entry.referenceID)
        }
        for charge in named.sorted().flatMap({ known[$0] ?? [] }) {
            let own = rows[Place(reference: charge.reference, model: charge.model)] ?? (0, 0)
            let earlier = charge.isReturnedBefore ? 0 : max(charge.rowsBefore - own.late, 0)
            usage(of: charge.model) { $0.takeBack(own.count + earlier) }
        }
        return strangers
    }

    /// By model.
    var usage: [StatementUsage] { Array(byModel.values) }

    private mutating func usage(of model: String, _ change: (inout StatementUsage) -> Void) {
        change(&byModel[model, default: StatementUsage(source: .single, model: model, plan: plan)])
    }
}
