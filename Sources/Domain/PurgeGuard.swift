/// The refusals that stand before a purge, as rules over plain facts.
public struct PurgeGuard: Sendable {
    /// A refusal that a person may overrule by its name (`--force`).
    public enum Danger: String, Sendable, CaseIterable, Hashable {
        case futureDate = "future-date"
        case clockSkew = "clock-skew"
        case shortPolicy = "short-policy"
    }

    /// How many rows of a class a plan would take.
    public struct Share: Sendable {
        public let dataClass: DataClass
        public let due: Int64
        public let total: Int64

        public init(dataClass: DataClass, due: Int64, total: Int64) {
            self.dataClass = dataClass
            self.due = due
            self.total = total
        }
    }

    /// What a purge takes by the options that decide it.
    public struct Due: Sendable, Hashable {
        public let asOf: CalendarDate
        /// The slug that it is limited to, nil for everybody.
        public let account: String?
        public let rows: Int64

        public init(asOf: CalendarDate, account: String?, rows: Int64) {
            self.asOf = asOf
            self.account = account
            self.rows = rows
        }
    }

    public let asOf: CalendarDate
    /// The slug that the purge is limited to, nil for everybody.
    public let account: String?
    /// The database's own date, in UTC.
    public let today: CalendarDate
    /// The host's clock minus the database's.
    public let clockSkewSeconds: Int64
    /// The shortest policy that would be applied; nil without any.
    public let shortestDays: Int64?
    public let shares: [Share]

    public init(
        asOf: CalendarDate, account: String?, today: CalendarDate, clockSkewSeconds: Int64, shortestDays: Int64?,
        shares: [Share]
    ) {
        self.asOf = asOf
        self.account = account
        self.today = today
        self.clockSkewSeconds = clockSkewSeconds
        self.shortestDays = shortestDays
        self.shares = shares
    }

    /// What is wrong and was not overruled, nil if nothing is.
    ///
    /// - Parameter expectedRows: The plan's number of due rows as somebody said it out loud (`--expect-rows`).
    public func refusal(forced: Set<Danger>, expectedRows: Int64?) -> DaybookError? {
        for danger in Danger.allCases where !forced.contains(danger) {
            if let what = sentence(danger) {
                return .configuration("\(what) Nothing was purged.", .overrule(danger))
            }
        }
        let due = Due(asOf: asOf, account: account, rows: shares.reduce(0) { $0 + $1.due })
        if let expectedRows {
            guard expectedRows != due.rows else { return nil }
            return .usage("The plan has \(due.rows) rows to go, not \(expectedRows)", .lookAtPlan(due))
        }
        guard let large = shares.first(where: { $0.due > $0.total - $0.due }) else { return nil }
        return .usage(
            "The plan would take \(large.due) of \(large.total) rows of \(large.dataClass.rawValue), more than half; "
                + "nothing was purged.", .sayRows(due))
    }

    private func sentence(_ danger: Danger) -> String? {
        switch danger {
        case .futureDate:
            guard asOf > today else { return nil }
            return "The as-of date \(asOf) is in the future: in the database it is \(today)."
        case .clockSkew:
            guard clockSkewSeconds.magnitude > Limits.clockSkewSeconds.magnitude else { return nil }
            return "This machine's clock is \(clockSkewSeconds.magnitude) seconds "
                + "\(clockSkewSeconds > 0 ? "ahead of" : "behind") the database's; set it right."
        case .shortPolicy:
            guard let shortestDays, shortestDays < Limits.leastRetentionDays else { return nil }
            return "A policy of \(shortestDays) days is shorter than \(Limits.leastRetentionDays) days."
        }
    }
}
