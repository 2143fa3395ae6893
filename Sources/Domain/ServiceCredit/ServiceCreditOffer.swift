/// A service credit for which a customer is eligible on request: a share of a month's fee, for a broken promise.
public struct ServiceCreditOffer: Hashable, Sendable {
    public let month: Month
    /// The account's own month.
    public let period: Period
    public let monthlyFee: Dollars
    /// By the worst component.
    public let attained: Percent
    /// The share of the fee.
    public let tier: Percent
    /// True where a component that was not monitored enough may have been worse.
    public let isLeast: Bool
    public let amount: Dollars
    /// The last instant at which it may be asked for.
    public let requestUntil: Instant

    public init(
        month: Month, period: Period, monthlyFee: Dollars, attained: Percent, tier: Percent, isLeast: Bool,
        amount: Dollars, requestUntil: Instant
    ) {
        self.month = month
        self.period = period
        self.monthlyFee = monthlyFee
        self.attained = attained
        self.tier = tier
        self.isLeast = isLeast
        self.amount = amount
        self.requestUntil = requestUntil
    }

    /// What a month's figures come to; nil where they come to no dollars, or nobody knows.
    public init?(_ credit: ServiceCredit, month: Month, period: Period, monthlyFee: Dollars) {
        guard let tier = credit.tier, let attained = credit.worst?.percent else { return nil }
        let amount = monthlyFee.share(tier)
        guard amount > .zero else { return nil }
        self.init(
            month: month, period: period, monthlyFee: monthlyFee, attained: attained, tier: tier,
            isLeast: credit.isLeast, amount: amount, requestUntil: Self.requestUntil(period))
    }

    /// Until when the credit of a month may be asked for.
    public static func requestUntil(_ period: Period) -> Instant {
        period.end.adding(seconds: Limits.creditRequestDays * 86_400)
    }
}
