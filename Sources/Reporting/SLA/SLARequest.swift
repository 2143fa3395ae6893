public import Domain

/// What a user asks of the SLA report.
public struct SLARequest: Sendable {
    /// The month that is reported.
    public let month: Month
    /// The slug of the one account that is reported, nil for everybody.
    public let account: String?
    /// The instant as of which everything is judged; nil for the earlier of now and the month's finality.
    public let cutoff: Instant?

    public init(month: Month, account: String? = nil, cutoff: Instant? = nil) {
        self.month = month
        self.account = account
        self.cutoff = cutoff
    }

    /// The name of the outputs without an extension, `sla-2026-10` or `sla-SLUG-2026-10`.
    public var baseName: String {
        // What is no slug is no account's, and nothing is ever published under it; it must not be a path meanwhile.
        let name = account.map { Account.isSlug($0) ? $0 : "nobody" }
        return (["sla"] + (name.map { [$0] } ?? []) + [month.description]).joined(separator: "-")
    }
}
