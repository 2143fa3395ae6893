public import Domain

/// When a purge steps aside for others, and for how long.
public struct PurgePauses: Sendable, Hashable {
    /// Seconds of a replica's replay lag that are too many.
    public var lagSeconds: Int64
    /// Seconds that somebody's transaction may be open.
    public var transactionSeconds: Int64
    /// Seconds of waiting in a row after which the purge stops, to be resumed.
    public var mostSeconds: Int64
    /// True lets the purge rest in the middle of its statements while others are at work.
    public var rests: Bool

    public init(
        lagSeconds: Int64 = Limits.purgeLagSeconds, transactionSeconds: Int64 = Limits.purgeSnapshotSeconds,
        mostSeconds: Int64 = Limits.purgePauseSeconds, rests: Bool = true
    ) {
        self.lagSeconds = lagSeconds
        self.transactionSeconds = transactionSeconds
        self.mostSeconds = mostSeconds
        self.rests = rests
    }
}
