package import Domain

/// A message that is to be sent once: a report of a month, to an account.
public struct MailItem: Sendable {
    /// What is sent.
    public enum Report: String, Sendable {
        case statement
        case sla
    }

    /// Why a message must not go out.
    public struct Obstacle: Sendable, Hashable {
        /// In a few words that follow "not sent": it is preliminary, say.
        public let what: String
        /// True where somebody's word lets it go out all the same.
        public let mayBeAccepted: Bool

        package init(_ what: String, mayBeAccepted: Bool = false) {
            self.what = what
            self.mayBeAccepted = mayBeAccepted
        }
    }

    package let account: Account
    package let recipient: String
    /// Who gets a copy.
    package var copies: [String] { account.billing.copies }
    package let report: Report
    /// The name of its file in an outbox.
    package let fileName: String
    /// Why it must not go out; nil where it may.
    package let obstacle: Obstacle?
    package let message: @Sendable (Instant) throws -> MailMessage

    package init(
        account: Account, recipient: String, report: Report, fileName: String, obstacle: Obstacle?,
        message: @escaping @Sendable (Instant) throws -> MailMessage
    ) {
        self.account = account
        self.recipient = recipient
        self.report = report
        self.fileName = fileName
        self.obstacle = obstacle
        self.message = message
    }
}

/// A report of one account as it was published, which a message carries.
package protocol MailedReport: Sendable {
    /// The paths of its files.
    var files: [String] { get }
    /// SHA-256 of each of them as it was written, by its path.
    var digests: [String: String] { get }
    /// Forgets what takes room and is of no use to who only shows it: the digests, and the paths of all files but those
    /// that are named.
    mutating func forget(filesBut isKept: (String) -> Bool)
}
