public import Domain

/// An item of a batch as its customer sees it.
public struct ItemView: Sendable, Hashable {
    /// Where an item stands, in the words of the Batch API. What was cancelled or ran out of time has failed.
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case pending, running, succeeded, failed
    }

    public let itemID: String
    /// The item's place in the request, from 0.
    public let index: Int64
    public let status: Status
    public let prompt: String
    public let model: String
    public let videoURL: String?
    public let error: String?
    /// `model_error`, `param_error`, `timeout`, `network`, `unknown`, or `cancelled`.
    public let failureType: String?
    /// An object as compact JSON.
    public let metadata: String?
    public let createdAt: Instant?
    public let completedAt: Instant?
}
