public import Domain
import Formats

/// A task that was claimed: its intent is committed, and nobody else will send it.
public struct Submission: Sendable, Hashable {
    public let userID: String
    public let batchID: String
    public let taskID: String
    /// 128 random bits that name this attempt in the callback's address.
    public let nonce: [UInt8]
    public let attempt: Int64
    public let model: VideoModel
    public let prompt: String
    public let referenceURL: String?
    public let aspectRatio: String
    public let durationSeconds: Int64
    public let size: String

    /// What the provider is asked, with the address under `callbackBase` that carries customer and nonce.
    func request(callbackBase: String?) -> ProviderRequest {
        ProviderRequest(
            model: model, prompt: prompt, referenceURL: referenceURL, aspectRatio: aspectRatio,
            durationSeconds: durationSeconds, size: size,
            callbackURL: callbackBase.map { "\($0)/\(userID)/\(Hexadecimal.text(nonce))" })
    }
}
