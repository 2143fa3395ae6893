/// What became of a request for a batch.
public enum CreateOutcome: Sendable, Hashable {
    /// The batch, and the credits that are left for another like it.
    case created(BatchSummary, availableCredits: Int64)
    /// The batch that the request_id stands for already.
    case replayed(BatchSummary, availableCredits: Int64)
    /// The request_id stands for another batch than the one asked for.
    case conflict
    /// The credit does not suffice; nothing was stored.
    case insufficient(required: Int64, available: Int64)
}
