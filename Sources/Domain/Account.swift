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
    /// To whom its statements are addressed.
    public let billing: AccountBilling
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
        userID: String, slug: String, name: String, retentionDays: Int64, legalHold: String?,
        billing: AccountBilling = AccountBilling(), history: [AccountTerms], current: Int
    ) {
        self.userID = userID
        self.slug = slug
        self.name = name
        self.retentionDays = retentionDays
        self.legalHold = legalHold
        self.billing = billing
        self.history = history
        terms = history[current]
    }

    /// The same account under the terms of a month.
    public func under(_ month: Month) -> Account {
        Account(
            userID: userID, slug: slug, name: name, retentionDays: retentionDays, legalHold: legalHold,
            billing: billing, history: history, current: history.lastIndex { $0.hold(in: month) } ?? 0)
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

/// To whom the statements of an account are addressed, as its `accounts.csv` says. What is empty was not said.
public struct AccountBilling: Hashable, Sendable {
    /// The company that pays, where it has another name than the account.
    public var name = ""
    /// The lines of its address.
    public var addressLines: [String] = []
    public var vatID = ""
    /// Where statements are sent, instead of to the owner's address.
    public var email = ""
    /// Who gets a copy of what is sent.
    public var copies: [String] = []
    /// What the customer wants to read on every statement, such as the number of a purchase order.
    public var reference = ""

    public init() {}

    /// True for `name@host` without blanks, line ends or anything else that could become a header.
    public static func isMailAddress(_ text: String) -> Bool {
        text.utf8.count <= 254 && text.wholeMatch(of: /[A-Za-z0-9.!#$%&'*+\/=?^_`{|}~-]+@[A-Za-z0-9.-]+/) != nil
    }
}
