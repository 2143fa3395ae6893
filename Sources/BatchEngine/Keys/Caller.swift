/// Who calls: the customer, by one of their keys.
public struct Caller: Sendable, Hashable {
    public let userID: String
    /// The key's id, a UUID; nil for a caller without one, such as a demonstration.
    public let keyID: String?
    /// Requests a minute.
    public let rateLimitPerMinute: Int64
    /// Items of one batch.
    public let maxItems: Int

    public init(userID: String, keyID: String?, rateLimitPerMinute: Int64, maxItems: Int) {
        self.userID = userID
        self.keyID = keyID
        self.rateLimitPerMinute = rateLimitPerMinute
        self.maxItems = maxItems
    }
}
