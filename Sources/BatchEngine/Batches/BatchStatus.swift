/// Where a batch stands, in the words of the Batch API.
public enum BatchStatus: String, Sendable, Hashable, CaseIterable {
    case pending, running, succeeded, partial, failed, cancelled

    /// The status from the word of the public `status` column and from what the engine knows beyond it.
    ///
    /// A batch that was cancelled runs until nothing that the provider has is open.
    public init(publicStatus: String, isCancelled: Bool, isSettled: Bool) {
        switch publicStatus {
        case _ where isCancelled: self = isSettled ? .cancelled : .running
        case "queued": self = .pending
        case "completed": self = .succeeded
        case "partial": self = .partial
        case "failed": self = .failed
        default: self = .running
        }
    }
}
