/// A half-open interval of time: the start belongs to it, the end does not.
public struct Period: Hashable, Sendable {
    /// The first instant of the period.
    public let start: Instant
    /// The first instant after the period.
    public let end: Instant

    /// Precondition: the start is not after the end.
    public init(start: Instant, end: Instant) {
        precondition(start <= end, "a period ends after it starts")
        self.start = start
        self.end = end
    }

    /// True for the start and for everything before the end.
    public func contains(_ instant: Instant) -> Bool { instant >= start && instant < end }
}
