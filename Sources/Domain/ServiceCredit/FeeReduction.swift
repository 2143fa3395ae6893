/// How service credits come off the fees: each month takes what it can of those that are left, the oldest grant first,
/// and never more than its fee. The rest goes on to the next month.
public enum FeeReduction {
    /// A credit that was granted as a reduction of the fee.
    public struct Grant: Hashable, Sendable {
        public let amount: Dollars
        /// The account's own month in which it was granted.
        public let month: Month

        public init(amount: Dollars, month: Month) {
            self.amount = amount
            self.month = month
        }
    }

    /// What a month has of one credit.
    public struct Share: Hashable, Sendable {
        /// What is there for the month: carried to it, or granted in it.
        public let available: Dollars
        /// What comes off the month's fee.
        public let reduced: Dollars
        /// What goes on to the next month.
        public var left: Dollars { Dollars(micros: available.micros - reduced.micros) }
    }

    /// The shares of a month, in the order of the grants. One that is granted later, or used up before, has nothing.
    ///
    /// - Parameters:
    ///   - grants: In the order in which they were granted.
    ///   - fee: The fee of each month.
    public static func shares(of grants: [Grant], in month: Month, fee: (Month) -> Dollars) -> [Share] {
        var left = grants.map(\.amount.micros)
        var shares = grants.map { _ in Share(available: .zero, reduced: .zero) }
        var next = grants.map(\.month).min()
        while let current = next, current <= month {
            var rest = fee(current).micros
            for (index, grant) in grants.enumerated() where grant.month <= current {
                let reduced = min(left[index], rest)
                if current == month {
                    shares[index] = Share(
                        available: Dollars(micros: left[index]), reduced: Dollars(micros: reduced))
                }
                left[index] -= reduced
                rest -= reduced
            }
            next = current.adding(months: 1)
        }
        return shares
    }
}
