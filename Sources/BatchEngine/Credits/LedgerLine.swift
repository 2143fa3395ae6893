public import Domain

/// An entry of the ledger in the words of the Batch API.
public struct LedgerLine: Sendable, Hashable {
    /// What an entry is.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Credit was frozen for a batch.
        case reserve
        /// A batch ended, and so much of its credit was spent; the balance does not move.
        case settle
        /// Credit of a batch came back.
        case refund
        /// Credit was bought.
        case purchase
        /// Credit was granted.
        case bonus
        /// Granted credit expired.
        case expired
        /// Credit was corrected by hand.
        case adjust
    }

    public let id: String
    public let kind: Kind
    /// Credits, negative for what goes out.
    public let delta: Int64
    /// The sum of everything that moved the balance up to here.
    public let balanceAfter: Int64
    public let batchID: String?
    public let createdAt: Instant

    /// One line for people.
    public var description: String {
        switch kind {
        case .reserve: "Credits reserved for a batch"
        case .settle: "Credits spent by a batch"
        case .refund: "Credits returned from a batch"
        case .purchase: "Credits purchased"
        case .bonus: "Bonus credits granted"
        case .expired: "Bonus credits expired"
        case .adjust: "Credits corrected"
        }
    }
}
