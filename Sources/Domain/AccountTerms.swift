/// What an account has agreed to from a month on. A month is stated, judged and credited by the terms that it was over
/// under.
public struct AccountTerms: Hashable, Sendable {
    /// The first month under these terms; nil where they hold from the beginning.
    public let firstMonth: Month?
    public let plan: Account.Plan
    /// IANA time zone.
    public let timeZone: String
    public let monthlyFee: Dollars
    /// The name of the contract profile.
    public let profileName: String

    public init(
        firstMonth: Month? = nil, plan: Account.Plan, timeZone: String, monthlyFee: Dollars, profileName: String
    ) {
        self.firstMonth = firstMonth
        self.plan = plan
        self.timeZone = timeZone
        self.monthlyFee = monthlyFee
        self.profileName = profileName
    }

    /// True where they hold in a month, as far as no later terms do.
    func hold(in month: Month) -> Bool { firstMonth.map { $0 <= month } ?? true }
}
