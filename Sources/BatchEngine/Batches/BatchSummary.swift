public import Domain

/// A batch as its customer sees it.
public struct BatchSummary: Sendable, Hashable {
    public let batchID: String
    public let requestID: String?
    public let status: BatchStatus
    public let totalCount: Int64
    public let succeededCount: Int64
    public let failedCount: Int64
    /// Credits of the dearest item.
    public let costPerVideo: Int64
    /// Credits frozen for the batch. Reserved is settled and refunded together, once it has ended.
    public let creditsReserved: Int64
    /// Credits spent, 0 until the batch has ended.
    public let creditsSettled: Int64
    /// Credits given back so far.
    public let creditsRefunded: Int64
    public let createdAt: Instant
    public let completedAt: Instant?
}
