/// One enterprise customer, as `accounts.csv` names it.
public struct Account: Hashable, Sendable {
    /// How a customer pays.
    public enum Plan: String, Sendable, CaseIterable {
        case payAsYouGo = "payg"
        case prepaid
    }

    /// The owner's id in the deployment, a lower-case UUID.
    public let userID: String
    /// The short name that files and options use.
    public let slug: String
    public let name: String
    public let plan: Plan
    /// IANA time zone.
    public let timeZone: String
    public let retentionDays: Int64
    public let monthlyFee: Dollars
    /// The matter of a legal hold, nil without one.
    public let legalHold: String?
    /// The name of the contract profile.
    public let profileName: String

    public init(
        userID: String, slug: String, name: String, plan: Plan, timeZone: String, retentionDays: Int64,
        monthlyFee: Dollars, legalHold: String?, profileName: String
    ) {
        self.userID = userID
        self.slug = slug
        self.name = name
        self.plan = plan
        self.timeZone = timeZone
        self.retentionDays = retentionDays
        self.monthlyFee = monthlyFee
        self.legalHold = legalHold
        self.profileName = profileName
    }

    /// True for 1 to 64 of `a-z`, `0-9` and hyphens, without a hyphen at either end: safe in every file name.
    public static func isSlug(_ text: String) -> Bool {
        let allowed = text.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                || $0 == UInt8(ascii: "-")
        }
        return allowed && (1...Limits.slugLength).contains(text.utf8.count) && !text.hasPrefix("-")
            && !text.hasSuffix("-")
    }
}
