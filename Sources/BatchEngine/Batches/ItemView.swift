public import Domain

/// An item of a batch as its customer sees it.
public struct ItemView: Sendable, Hashable {
    /// Where an item stands, in the words of the Batch API. What was cancelled or ran out of time has failed.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case pending, running, succeeded, failed
    }

    /// Why an item failed, in the words of the Batch API; clients decode no other.
    public enum FailureType: String, Sendable, Hashable, CaseIterable {
        case modelError = "model_error"
        case paramError = "param_error"
        case timeout, network, unknown
    }

    public let itemID: String
    /// The item's place in the request, from 0.
    public let index: Int64
    public let status: Status
    public let prompt: String
    public let model: String
    public let videoURL: String?
    public let error: String?
    /// Nil for an item that was cancelled, and for one that has not failed.
    public let failureType: FailureType?
    /// Why an item failed, in finer words: `cancelled`, `timed_out`, or the provider's reason.
    public let reason: String?
    /// An object as compact JSON.
    public let metadata: String?
    public let createdAt: Instant?
    public let completedAt: Instant?
}
