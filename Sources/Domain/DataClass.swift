/// A kind of data with a retention of its own. The order of the cases is the order in which a purge takes them:
/// rows of the access log are resolved to their owner before a task can lose anything.
public enum DataClass: String, Sendable, CaseIterable, Hashable {
    case accessLog = "access_log"
    case apiUsage = "api_usage"
    case probes
    case taskContent = "task_content"
    case webhookPayload = "webhook_payload"
    /// Copies of videos: what is due goes from the store, and its row keeps the digest.
    case videoFiles = "video_files"

    /// What happens to a row that is due.
    public enum Action: String, Sendable {
        case delete
        case redact
        /// Counted into permanent daily figures, then deleted.
        case fold
    }

    public var action: Action {
        switch self {
        case .accessLog, .videoFiles, .webhookPayload: .delete
        case .apiUsage, .taskContent: .redact
        case .probes: .fold
        }
    }

    /// True where the row stays in its table, whatever goes of it: a purge changes it.
    public var keepsRows: Bool { action == .redact || self == .videoFiles }

    /// True where the rows belong to customers, whose policies and holds apply.
    public var isCustomers: Bool { self != .probes }

    /// Those that belong to customers.
    public static let ofCustomers = allCases.filter(\.isCustomers)

    /// Days that rows are kept for which no account's policy speaks.
    public var defaultDays: Int64 { isCustomers ? Limits.defaultRetentionDays : Limits.probeRetentionDays }
}
