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
