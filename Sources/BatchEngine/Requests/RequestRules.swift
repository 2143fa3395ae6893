public import Domain

/// What a request may ask for: the contract's bounds, narrowed by a key and by the server's settings.
public struct RequestRules: Sendable, Hashable {
    /// Items of one batch.
    public var maxItems: Int
    /// Characters of a prompt.
    public var maxPromptLength: Int
    /// True takes webhooks over plain HTTP: for tests.
    public var allowsPlainWebhooks: Bool

    public init(
        maxItems: Int = Limits.batchItems, maxPromptLength: Int = Limits.promptLength, allowsPlainWebhooks: Bool = false
    ) {
        self.maxItems = maxItems
        self.maxPromptLength = maxPromptLength
        self.allowsPlainWebhooks = allowsPlainWebhooks
    }
}
