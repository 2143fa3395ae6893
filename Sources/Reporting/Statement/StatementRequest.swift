public import Domain

/// What a user asks of the statements.
public struct StatementRequest: Sendable {
    public let month: Month
    /// The slug of the one account, nil for all of them.
    public let account: String?
    /// The instant as of which everything is judged; nil for the earlier of now and the month's finality.
    public let cutoff: Instant?

    public init(month: Month, account: String?, cutoff: Instant? = nil) {
        self.month = month
        self.account = account
        self.cutoff = cutoff
    }

    /// The name of an account's outputs without an extension, `statement-SLUG-2026-10`.
    public func baseName(_ slug: String) -> String { "statement-\(slug)-\(month)" }
}
