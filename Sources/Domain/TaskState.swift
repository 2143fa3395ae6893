/// Where a task stands, finer than what its customer is shown.
///
/// `ready → intent → accepted → succeeded | failed | timed_out`, or `cancelled` while it is ready. An intent whose
/// answer was lost is `unknown`: the provider may have taken it, so it is never submitted again by itself.
public enum TaskState: String, Sendable, Hashable, CaseIterable {
    case ready, intent, unknown, accepted, succeeded, failed, cancelled
    case timedOut = "timed_out"

    /// False once nothing can change it any more.
    public var isOpen: Bool {
        switch self {
        case .ready, .intent, .unknown, .accepted: true
        case .succeeded, .failed, .timedOut, .cancelled: false
        }
    }
}
