/// What is left of a key's rate limit after a request.
public struct Allowance: Sendable, Hashable {
    /// False if the request is one too many.
    public let isWithin: Bool
    /// Requests a minute, which is also how many may come at once.
    public let perMinute: Int64
    /// Requests that may come at once now.
    public let remaining: Int64
    /// Microseconds until the whole minute's requests may come at once again; where this request was one too many,
    /// until the next is possible.
    public let waitMicroseconds: Int64

    /// ``waitMicroseconds`` as seconds, rounded up.
    public var waitSeconds: Int64 { (waitMicroseconds + 999_999) / 1_000_000 }
}
