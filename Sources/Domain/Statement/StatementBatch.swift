/// One batch as a statement shows it, and its part of each model.
public struct StatementBatch: Sendable {
    /// The tasks of one model, counted from the tasks.
    public struct Part: Sendable, Hashable {
        public let model: String
        public let items: Int64
        public let succeeded: Int64
        public let failed: Int64
        /// The cost of all of them in credits, whatever became of them.
        public let cost: Int64
        /// The cost of the succeeded tasks in credits.
        public let delivered: Int64
        /// Those that had ended by the end of the month.
        public let succeededByEnd: Int64
        public let failedByEnd: Int64

        public init(
            model: String, items: Int64 = 0, succeeded: Int64 = 0, failed: Int64 = 0, cost: Int64 = 0,
            delivered: Int64 = 0, succeededByEnd: Int64 = 0, failedByEnd: Int64 = 0
        ) {
            self.model = model
            self.items = items
            self.succeeded = succeeded
            self.failed = failed
            self.cost = cost
            self.delivered = delivered
            self.succeededByEnd = succeededByEnd
            self.failedByEnd = failedByEnd
        }
    }

    public let id: String
    public let requestID: String
    public let createdAt: Instant?
    /// Nil where it is not settled by the cutoff.
    public let settledAt: Instant?
    /// True where nobody wrote down when it was settled.
    public let isSettlementEstimated: Bool
    public let status: String
    /// Its tasks by their model.
    public var parts: [Part]
    /// What its ledger rows moved, by the model that they name.
    private(set) var moved: [String: (frozen: Int64, refunded: Int64)] = [:]
    /// Frozen and given back before the start of the month.
    private var before = (frozen: Int64(0), refunded: Int64(0))
    /// Frozen and given back before the end of the month.
    private var byEnd = (frozen: Int64(0), refunded: Int64(0))

    public init(
        id: String, requestID: String, createdAt: Instant?, settledAt: Instant?, isSettlementEstimated: Bool = false,
        status: String, parts: [Part] = []
    ) {
        self.id = id
        self.requestID = requestID
        self.createdAt = createdAt
        self.settledAt = settledAt
        self.isSettlementEstimated = isSettlementEstimated
        self.status = status
        self.parts = parts
    }

    public var items: Int64 { parts.reduce(0) { $0 + $1.items } }
    public var succeeded: Int64 { parts.reduce(0) { $0 + $1.succeeded } }
    public var failed: Int64 { parts.reduce(0) { $0 + $1.failed } }
    public var delivered: Int64 { parts.reduce(0) { $0 + $1.delivered } }
    public var frozen: Int64 { byEnd.frozen }
    public var refunded: Int64 { byEnd.refunded }

    /// Settled before an instant.
    public func isSettled(before instant: Instant) -> Bool { settledAt.map { $0 < instant } ?? false }

    /// The model of a ledger row of this batch: that of its tasks where there is one, else what the row says.
    public func model(orElse named: String) -> String { onlyModel ?? named }

    /// The model of all its tasks; nil where there are none, or of more than one.
    public var onlyModel: String? { parts.count == 1 ? parts[0].model : nil }

    /// Takes over a freeze or a refund that counts at an instant before the end of the month.
    public mutating func post(_ entry: StatementEntry, at postedAt: Instant, in period: Period) {
        let frozen = entry.isFreeze ? -entry.credits : 0
        post(
            frozen: frozen, refunded: entry.isFreeze ? 0 : entry.credits, model: entry.model,
            isBefore: postedAt < period.start)
    }

    /// Takes over a freeze or a refund that counts before the month.
    public mutating func postBefore(_ movement: Movement) {
        let isFreeze = movement.reference == .freeze
        postBefore(
            frozen: isFreeze ? -movement.credits : 0, refunded: isFreeze ? 0 : movement.credits, model: movement.model)
    }

    /// Takes over freezes and refunds of one model that count before the month.
    public mutating func postBefore(frozen: Int64, refunded: Int64, model: String) {
        post(frozen: frozen, refunded: refunded, model: model, isBefore: true)
    }

    private mutating func post(frozen: Int64, refunded: Int64, model: String, isBefore: Bool) {
        moved[model, default: (0, 0)].frozen += frozen
        moved[model, default: (0, 0)].refunded += refunded
        byEnd.frozen += frozen
        byEnd.refunded += refunded
        if isBefore {
            before.frozen += frozen
            before.refunded += refunded
        }
    }

    /// What a batch holds whose freeze is posted and which is not settled: never less than nothing.
    private static func held(_ moved: (frozen: Int64, refunded: Int64)) -> Int64 {
        moved.frozen > 0 ? max(moved.frozen - moved.refunded, 0) : 0
    }

    /// Held before an instant that is the start or the end of the month.
    public func heldBefore(_ instant: Instant, isEnd: Bool) -> Int64 {
        isSettled(before: instant) ? 0 : Self.held(isEnd ? byEnd : before)
    }

    /// Given back before the end of the month.
    public var refundedByEnd: Int64 { byEnd.refunded }
}

/// A batch by its models, as usage states it.
extension StatementBatch {
    /// What one model has of a batch; over all of its models it is the batch.
    public struct Share: Sendable, Hashable {
        public let model: String
        public internal(set) var items: Int64 = 0
        public internal(set) var succeeded: Int64 = 0
        public internal(set) var failed: Int64 = 0
        public internal(set) var delivered: Int64 = 0
        public let frozen: Int64
        public let refunded: Int64
        /// What the credits cost that were not given back.
        public let cost: Dollars
    }

    /// The batch split by the models of its tasks, whatever its ledger rows say: what was frozen by what all of its
    /// tasks cost, what came back by what those cost that were not delivered. A batch without tasks has the models that
    /// its rows name.
    ///
    /// - Parameter cost: What the credits cost that the batch has not given back, by the model of its rows; nil for all
    ///   of them.
    public func shares(cost: (_ model: String?) -> Dollars) -> [Share] {
        guard !parts.isEmpty else {
            return moved.sorted { $0.key < $1.key }.map { model, moved in
                Share(model: model, frozen: moved.frozen, refunded: moved.refunded, cost: cost(model))
            }
        }
        let parts = parts.sorted { Array($0.model.utf8).lexicographicallyPrecedes(Array($1.model.utf8)) }
        let all = (cost: parts.map(\.cost), items: parts.map(\.items))
        let frozen = Self.split(frozen, by: [all.cost, all.items])
        let refunded = Self.split(refunded, by: [parts.map { $0.cost - $0.delivered }, all.cost, all.items])
        // Rows that say of each model what its tasks say know best which credit each of them took.
        let costs =
            namesItsModels
            ? parts.map { cost($0.model).micros }
            : Self.split(cost(nil).micros, by: [parts.map(\.delivered), all.cost, all.items])
        return parts.indices.map { index in
            var share = Share(
                model: parts[index].model, frozen: frozen[index], refunded: refunded[index],
                cost: Dollars(micros: costs[index]))
            share.items = parts[index].items
            share.succeeded = parts[index].succeeded
            share.failed = parts[index].failed
            share.delivered = parts[index].delivered
            return share
        }
    }

    /// True where the ledger rows name the models of the tasks, each with what its tasks cost.
    private var namesItsModels: Bool {
        guard parts.count > 1 else { return false }
        let own = Dictionary(parts.map { ($0.model, ($0.cost, $0.cost - $0.delivered)) }) { first, _ in first }
        return Set(own.keys).union(moved.keys).allSatisfy { model in
            let (ours, theirs) = (own[model] ?? (0, 0), moved[model] ?? (0, 0))
            return ours.0 == theirs.frozen && ours.1 == theirs.refunded
        }
    }

    /// Splits an amount in whole units by the first weights that weigh anything, so that the parts add up to it: the
    /// n-th part is the share of the first n less that of the first n − 1, each rounded down.
    static func split(_ total: Int64, by choices: [[Int64]]) -> [Int64] {
        let weights = choices.first { $0.reduce(0, +) > 0 } ?? choices[choices.count - 1].map { _ in 1 }
        let whole = weights.reduce(0, +)
        var (sum, given): (Int64, Int64) = (0, 0)
        return weights.map { weight in
            sum += weight
            let share = Dollars(micros: abs(total)).share(of: sum, in: whole).micros - given
            given += share
            return total < 0 ? -share : share
        }
    }
}

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

    /// To the millionth of a dollar. Pay as you go: the list price of what succeeded. Prepaid: what the credits cost
    /// that were spent. Below nothing where single videos of an earlier month were given back.
    public var exactAmount: Dollars? {
        plan == .prepaid ? cost : unitPrice.map { Dollars(micros: $0.micros * succeeded) }
    }

    /// The same in whole cents, half a cent up.
    public var amount: Dollars? {
        exactAmount.map { exact in
            let (cents, rest) = (exact.micros + 5_000).quotientAndRemainder(dividingBy: 10_000)
            return Dollars(micros: (rest < 0 ? cents - 1 : cents) * 10_000)
        }
    }
}
