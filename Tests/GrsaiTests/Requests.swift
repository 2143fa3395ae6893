import BatchEngine
import Domain

extension ProviderRequest {
    /// A request as the engine makes them.
    static func test(
        _ model: VideoModel = .sora2, prompt: String = "a red kite over the sea", seconds: Int64 = 10,
        nonce: String? = nil, callbacks: String = "http://127.0.0.1:9/callbacks/"
    ) -> ProviderRequest {
        ProviderRequest(
            model: model, prompt: prompt, referenceURL: nil, aspectRatio: "16:9", durationSeconds: seconds,
            size: "small", callbackURL: nonce.map { callbacks + $0 })
    }
}

extension SubmissionAnswer {
    var acceptedID: String? {
        guard case .accepted(let id) = self else { return nil }
        return id
    }

    var refusal: Refusal? {
        guard case .refused(let refusal) = self else { return nil }
        return refusal
    }

    var isUnknown: Bool {
        guard case .unknown = self else { return false }
        return true
    }
}

extension ProviderStatus {
    var isUnreadable: Bool {
        guard case .unreadable = self else { return false }
        return true
    }

    var failure: Failure? {
        guard case .failed(let failure) = self else { return nil }
        return failure
    }
}
