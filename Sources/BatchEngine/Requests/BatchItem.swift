public import Domain
public import Formats

/// One video that a batch asks for.
public struct BatchItem: Sendable, Hashable {
    /// What an item is if it does not say.
    public static let standardModel = VideoModel.sora2
    public static let standardAspectRatio = AspectRatio.landscape
    public static let standardDurationSeconds: Int64 = 10
    /// Seconds that can be asked for; a provider that renders none of 5 seconds is asked for 10.
    public static let durationsSeconds: [Int64] = [5, 10, 15]

    public let model: VideoModel
    public let prompt: String
    public let aspectRatio: AspectRatio
    public let durationSeconds: Int64
    /// An object of the customer's own, which comes back with the item.
    public let metadata: JSON?

    public init(
        model: VideoModel = standardModel, prompt: String, aspectRatio: AspectRatio = standardAspectRatio,
        durationSeconds: Int64 = standardDurationSeconds, metadata: JSON? = nil
    ) {
        self.model = model
        self.prompt = prompt
        self.aspectRatio = aspectRatio
        self.durationSeconds = durationSeconds
        self.metadata = metadata
    }

    /// What two items must have in common to be the same, defaults filled in.
    var identity: JSON {
        [
            "model": .string(model.rawValue), "prompt": .string(prompt), "aspect_ratio": .string(aspectRatio.rawValue),
            "duration": .integer(durationSeconds), "metadata": metadata ?? .null,
        ]
    }
}
