/// One line of a contract's service credits: an availability in [from, below) earns a share of the monthly fee.
public struct ServiceCreditTier: Hashable, Sendable {
    /// The lowest availability of the tier, inclusive.
    public let from: Percent
    /// The upper end of the tier, exclusive.
    public let below: Percent
    /// The share of the monthly fee.
    public let credit: Percent

    public init(from: Percent, below: Percent, credit: Percent) {
        self.from = from
        self.below = below
        self.credit = credit
    }

    /// The sentence that says why tiers do not cover [0, target) exactly once, or nil where they do.
    public static func defect(of tiers: [ServiceCreditTier], target: Percent) -> String? {
        var covered = Percent.zero
        for tier in tiers.sorted(by: { $0.from < $1.from }) {
            guard tier.from < tier.below else { return "the tier from \(tier.from) ends before it starts" }
            guard tier.credit >= .zero, tier.credit <= .hundred else {
                return "the tier from \(tier.from) gives \(tier.credit) % of the fee"
            }
            if tier.from > covered { return "no tier covers \(covered) to \(tier.from)" }
            if tier.from < covered { return "two tiers cover \(tier.from)" }
            covered = tier.below
        }
        if covered < target { return "no tier covers \(covered) to the target of \(target)" }
        if covered > target { return "the tiers reach \(covered), above the target of \(target)" }
        return nil
    }
}
