public import Domain

/// An entry of the ledger in the words of the Batch API.
public struct LedgerLine: Sendable, Hashable {
    /// What an entry is, in the published words; clients decode no other.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Credit was frozen for a batch.
        case reserve
        /// A batch ended, and so much of its credit was spent; the balance does not move. Or a video was bought alone,
        /// and it does.
        case settle
        /// Credit of a batch came back, or was taken out by a correction.
        case refund
        /// Credit was bought, or added by a correction.
        case purchase
        /// Credit was granted; negative where granted credit expired.
        case bonus
    }

    /// What an entry is in finer words, where the published one does not say it all.
    public enum Reason: String, Sendable, Hashable, CaseIterable {
        /// Granted credit expired.
        case expired
        /// Credit was corrected by hand.
        case adjusted
        /// A video was bought alone, without a batch.
        case singleVideo = "single_video"
        /// The entry stands for those of a month long ago.
        case carriedForward = "carried_forward"
    }

    public let id: String
    public let kind: Kind
    public let reason: Reason?
    /// Credits, negative for what goes out.
    public let delta: Int64
    /// The sum of everything that moved the balance up to here.
    public let balanceAfter: Int64
    public let batchID: String?
    public let createdAt: Instant

    /// One line for people.
    public var description: String {
        switch (kind, reason) {
        case (_, .expired?): "Bonus credits expired"
        case (_, .adjusted?): "Credits corrected"
        case (.refund, .singleVideo?): "Credits returned from a single video"
        case (_, .singleVideo?): "Credits spent by a single video"
        case (_, .carriedForward?): "Entries of a month long ago"
        case (.reserve, nil): "Credits reserved for a batch"
        case (.settle, nil): "Credits spent by a batch"
        case (.refund, nil): "Credits returned from a batch"
        case (.purchase, nil): "Credits purchased"
        case (.bonus, nil): "Bonus credits granted"
        }
    }
}
