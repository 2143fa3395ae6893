import BatchEngine
import Domain

/// A submission as Grsai wants it: `POST /v1/video/sora-video` or `/v1/video/veo`.
struct SubmissionBody: Encodable, Sendable, Hashable {
    let model: String
    let prompt: String
    let url: String?
    let firstFrameUrl: String?
    let aspectRatio: String
    let duration: Int64?
    let size: String?
    let webHook: String
    let shutProgress: Bool

    /// Without an address `webHook` is `"-1"`; leaving it out would make the answer a stream.
    init(_ request: ProviderRequest) {
        let isSora = request.model == .sora2
        model = Self.name(of: request.model)
        prompt = request.prompt
        url = isSora ? request.referenceURL : nil
        firstFrameUrl = isSora ? nil : request.referenceURL
        aspectRatio = request.aspectRatio
        // Grsai renders 10 or 15 seconds; what the old contract calls 5 has always been sent as 10.
        duration = isSora ? max(10, request.durationSeconds) : nil
        size = isSora ? request.size : nil
        webHook = request.callbackURL ?? "-1"
        // Progress is of use too: the first report of a task whose answer was lost names its id.
        shutProgress = false
    }

    /// The path of a model's submissions.
    static func path(of model: VideoModel) -> String {
        model == .sora2 ? "/v1/video/sora-video" : "/v1/video/veo"
    }

    /// Grsai's name of a model.
    static func name(of model: VideoModel) -> String {
        switch model {
        case .sora2: "sora-2"
        case .veoFlash: "veo3.1-fast"
        case .veoPro: "veo3.1-pro"
        }
    }
}
