/// An HTTP answer that arrived whole.
struct ReceivedAnswer: Sendable, Hashable {
    let status: Int
    /// The header `Retry-After`, as it was.
    let retryAfter: String?
    let body: [UInt8]
}
