import BatchEngine
import Foundation

/// Grsai's object of a task, as a poll wraps it and as a callback carries it bare.
struct TaskObject {
    let id: String?
    let status: ProviderStatus

    private static let reasons: Set<String> = ["input_moderation", "output_moderation", "error"]

    init(_ object: LooseValue, remark: Remark) {
        id = object["id"]?.text
        switch object["status"]?.text {
        case "succeeded":
            if let url = Self.videoURL(object) {
                status = .succeeded(videoURL: url, pid: object["results"]?.first?["pid"]?.text)
            } else {
                status = .failed(.init(reason: "error", message: "Grsai reported success without a video."))
            }
        case "failed":
            status = .failed(Self.failure(object, otherwise: "error", remark))
        case "violation":
            status = .failed(Self.failure(object, otherwise: "output_moderation", remark))
        case nil:
            status = .unreadable(remark: "Grsai's report has no status.")
        default:
            // `running`, or a word that nobody knows: the deadline ends it, not a guess.
            status = .running(progress: min(max(object["progress"]?.integer ?? 0, 0), 100))
        }
    }

    /// Sora puts the video into `results`, Veo beside them.
    private static func videoURL(_ object: LooseValue) -> String? {
        for text in [object["results"]?.first?["url"]?.text, object["url"]?.text] {
            guard let text, let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty else {
                continue
            }
            if parts.scheme == "https" || parts.scheme == "http" { return text }
        }
        return nil
    }

    private static func failure(
        _ object: LooseValue, otherwise: String, _ remark: Remark
    ) -> ProviderStatus.Failure {
        let named = object["failure_reason"]?.text
        let reason = named.flatMap { reasons.contains($0) ? $0 : nil } ?? otherwise
        let message = object["error"]?.text.map(remark.clean) ?? "Grsai gave no message."
        return .init(reason: reason, message: message)
    }
}
