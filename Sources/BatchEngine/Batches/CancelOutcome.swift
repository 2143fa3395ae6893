/// What became of a request to cancel a batch.
public enum CancelOutcome: Sendable, Hashable {
    /// What was not handed over is cancelled; what the provider has runs on.
    case cancelled(BatchSummary)
    /// It has ended already.
    case finished(BatchSummary)
    /// The old application runs it.
    case notOurs
    case notFound
}
