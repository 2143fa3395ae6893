public import Domain

/// A message that is to be sent once: a report of a month, to an account.
public struct MailItem: Sendable {
    /// What is sent.
    public enum Report: String, Sendable {
        case statement
        case sla
    }

    let account: Account
    let recipient: String
    let report: Report
    /// The name of its file in an outbox.
    let fileName: String
    /// Why it must not go out; nil where it may.
    let obstacle: String?
    let message: @Sendable (Instant) throws -> MailMessage
}

/// A report of one account as it was published, which a message carries.
protocol MailedReport: Sendable {
    /// The paths of its files.
    var files: [String] { get }
    /// SHA-256 of each of them as it was written, by its path.
    var digests: [String: String] { get }
}
