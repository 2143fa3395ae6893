/// The batches of a period: their refund obligations by class, and the promises that are kept batch by batch.
public struct BatchFigure: Hashable, Sendable {
    /// Batches created in the period.
    public var batches: Int64 = 0
    public var onTime: Int64 = 0
    public var late: Int64 = 0
    public var partial: Int64 = 0
    public var missing: Int64 = 0
    public var overRefunded: Int64 = 0
    public var stuck: Int64 = 0
    public var pending: Int64 = 0
    /// Credits owed by all obligations.
    public var obligatedCredits: Int64 = 0
    /// Credits given back for all obligations.
    public var refundedCredits: Int64 = 0
    /// Batches that are settled at the cutoff.
    public var settled: Int64 = 0
    /// Settled ones whose freeze less refund is the cost of their succeeded tasks.
    public var paidForSuccess: Int64 = 0
    /// Batches with tasks that have left the queue.
    public var begun: Int64 = 0
    /// Those whose freeze covers the cost of all of them.
    public var covered: Int64 = 0
    /// Settled batches with a webhook of whose delivery something is recorded.
    public var knownWebhooks: Int64 = 0
    public var deliveredWebhooks: Int64 = 0
    /// Batches whose freeze rows add up to more than was to be frozen.
    public var overFrozen: Int64 = 0

    public init() {}

    /// Batches that owe or were refunded anything, and stuck ones; a pending one is not an obligation yet.
    public var obligations: Int64 { onTime + late + partial + missing + overRefunded + stuck }

    public var refunds: Attainment { Attainment(good: onTime, valid: obligations) }
    public var payForSuccess: Attainment { Attainment(good: paidForSuccess, valid: settled) }
    public var financialSafety: Attainment { Attainment(good: covered, valid: begun) }
    public var webhookDelivery: Attainment { Attainment(good: deliveredWebhooks, valid: knownWebhooks) }
}
