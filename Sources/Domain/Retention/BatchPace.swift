/// How many pages of a table the next transaction of a purge takes: as many as keep it near its target time.
public struct BatchPace: Sendable, Hashable {
    /// Pages of the next transaction.
    public private(set) var pages: Int64

    public init(pages: Int64 = Limits.purgeFirstPages) {
        self.pages = pages
    }

    /// Learns from a transaction that was committed. At most doubles, so that one empty stretch of a table does not
    /// lead to a huge transaction on the next.
    public mutating func took(milliseconds: Int64) {
        if milliseconds > Limits.purgeSlowMilliseconds {
            // In proportion: ten times too slow becomes a tenth, not a half.
            let fitting = pages * Limits.purgeSlowMilliseconds / milliseconds
            pages = max(1, min(fitting, pages / 2))
        } else if milliseconds < Limits.purgeQuickMilliseconds {
            pages = min(pages * 2, Limits.purgeMostPages)
        }
    }

    /// Learns from a transaction that ran into its time limit.
    public mutating func ranOut() {
        pages = max(1, pages / 4)
    }
}
