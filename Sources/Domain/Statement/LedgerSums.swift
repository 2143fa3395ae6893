/// What the whole ledger of an account comes to, in credits.
public struct LedgerSums: Sendable, Hashable {
    /// What was there before the month.
    public struct Opening: Sendable, Hashable {
        public let balance: Int64
        /// The part of it that is bonus credit.
        public let bonus: Int64

        public init(balance: Int64, bonus: Int64) {
            self.balance = balance
            self.bonus = bonus
        }
    }

    /// Of all rows, whenever they were posted.
    public let total: Int64
    /// Nil where it is counted row by row.
    public let opening: Opening?

    public init(total: Int64, opening: Opening?) {
        self.total = total
        self.opening = opening
    }
}
