/// Where a request came from, for the request log.
public struct RequestOrigin: Sendable, Hashable {
    /// The path that was called.
    public let endpoint: String
    public let address: String?
    public let userAgent: String?

    public init(endpoint: String, address: String?, userAgent: String?) {
        self.endpoint = endpoint
        self.address = address
        self.userAgent = userAgent
    }
}
