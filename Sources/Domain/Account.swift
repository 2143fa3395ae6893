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
    public let retentionDays: Int64
    /// The matter of a legal hold, nil without one.
    public let legalHold: String?
    /// Every term there ever was, the first one first; never empty.
    public let history: [AccountTerms]
    /// The terms that this value speaks of.
    public let terms: AccountTerms

    public var plan: Plan { terms.plan }
    /// IANA time zone.
    public var timeZone: String { terms.timeZone }
    public var monthlyFee: Dollars { terms.monthlyFee }
    /// The name of the contract profile.
    public var profileName: String { terms.profileName }

    /// - Parameters:
    ///   - history: in the order of their first months.
    ///   - current: which of them this value speaks of.
    ///
    /// Precondition: `history` has an element `current`.
    public init(
        userID: String, slug: String, name: String, retentionDays: Int64, legalHold: String?, history: [AccountTerms],
        current: Int
    ) {
        self.userID = userID
        self.slug = slug
        self.name = name
        self.retentionDays = retentionDays
        self.legalHold = legalHold
        self.history = history
        terms = history[current]
    }

    /// The same account under the terms of a month.
    public func under(_ month: Month) -> Account {
        Account(
            userID: userID, slug: slug, name: name, retentionDays: retentionDays, legalHold: legalHold,
            history: history, current: history.lastIndex { $0.hold(in: month) } ?? 0)
    }

    /// The zone of a month for people: both, where the month before it was in another one and so ended at another
    /// midnight.
    public func zoneText(of month: Month) -> String {
        let zone = under(month).timeZone
        guard let before = month.adding(months: -1).map({ under($0).timeZone }), before != zone else { return zone }
        return "\(zone), from where the month before ended in \(before)"
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
