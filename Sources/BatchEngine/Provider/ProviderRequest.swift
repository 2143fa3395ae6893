public import Domain

/// What a provider is asked to render.
public struct ProviderRequest: Sendable, Hashable {
    public let model: VideoModel
    public let prompt: String
    /// An image to start from.
    public let referenceURL: String?
    /// `16:9` or `9:16`.
    public let aspectRatio: String
    /// Seconds of video asked for by the customer: 5, 10 or 15.
    public let durationSeconds: Int64
    /// `small` or `large`.
    public let size: String
    /// Where the provider reports progress; it ends with the submission's nonce. Nil gives no address.
    public let callbackURL: String?

    public init(
        model: VideoModel, prompt: String, referenceURL: String?, aspectRatio: String, durationSeconds: Int64,
        size: String, callbackURL: String?
    ) {
        self.model = model
        self.prompt = prompt
        self.referenceURL = referenceURL
        self.aspectRatio = aspectRatio
        self.durationSeconds = durationSeconds
        self.size = size
        self.callbackURL = callbackURL
    }
}
