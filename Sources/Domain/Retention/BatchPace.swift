/// How many pages of a table the next transaction of a purge takes: as many as keep it near its target time.
public struct BatchPace: Sendable, Hashable {
    /// Pages of the next transaction.
    public private(set) var pages: Int64

    public init(pages: Int64 = Limits.purgeFirstPages) {
        self.pages = pages
    }

    /// Learns from a transaction that was committed. At most doubles, so that one empty stretch of a table does not
    /// lead to a huge transaction on the next.
    ///
    /// - Parameter slow: Milliseconds that are too many. A transaction that takes less than half of it may grow.
    public mutating func took(milliseconds: Int64, slow: Int64 = Limits.purgeSlowMilliseconds) {
        if milliseconds > slow {
            // In proportion: ten times too slow becomes a tenth, not a half.
            pages = max(1, min(pages * slow / milliseconds, pages / 2))
        } else if milliseconds < slow / 2 {
            pages = min(pages * 2, Limits.purgeMostPages)
        }
    }

    /// Learns from a transaction that ran into its time limit.
    public mutating func ranOut() {
        pages = max(1, pages / 4)
    }
}
