public import BatchEngine
import Foundation

/// Reads the answer to a poll: `POST /v1/draw/result`.
struct StatusReading {
    let remark: Remark

    /// The code of a task that is not known, which the first seconds of a known one show too.
    private static let notFoundCode: Int64 = -22

    func status(of providerTaskID: String, _ received: ReceivedAnswer) -> ProviderStatus {
        guard (200...299).contains(received.status) else {
            return .unreadable(remark: "Grsai answered a poll with HTTP \(received.status).")
        }
        guard let body = LooseValue.parse(received.body), case .object = body else {
            return .unreadable(remark: "Grsai's answer to a poll cannot be read.")
        }
        if let code = body["code"]?.integer, code != 0 {
            guard code != Self.notFoundCode else { return .notFound }
            let message = body["msg"]?.text.map { ": " + remark.clean($0) } ?? ""
            return .unreadable(remark: "Grsai answered a poll with code \(code)\(message)")
        }
        // Without a wrapping the object stands at the top, as in a callback.
        let object = body["data"] ?? (body["status"] == nil ? .null : body)
        guard case .object = object else { return .unreadable(remark: "Grsai's answer to a poll has no data.") }
        let task = TaskObject(object, remark: remark)
        guard task.id == nil || task.id == providerTaskID else {
            return .unreadable(remark: "Grsai's answer to a poll is about another task.")
        }
        return task.status
    }
}

/// Grsai's object of a task, as a poll wraps it and as a callback carries it bare.
struct TaskObject {
    let id: String?
    let status: ProviderStatus

    init(_ object: LooseValue, remark: Remark) {
        id = object["id"]?.text
        switch object["status"]?.text {
        case "succeeded":
            if let url = Self.videoURL(object) {
                status = .succeeded(videoURL: url, pid: object["results"]?.first?["pid"]?.text)
            } else {
                status = .failed(.init(reason: .error, message: "Grsai reported success without a video."))
            }
        case "failed":
            status = .failed(Self.failure(object, otherwise: .error, remark))
        case "violation":
            status = .failed(Self.failure(object, otherwise: .outputModeration, remark))
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
        _ object: LooseValue, otherwise: ProviderStatus.Failure.Reason, _ remark: Remark
    ) -> ProviderStatus.Failure {
        let reason = object["failure_reason"]?.text.flatMap(ProviderStatus.Failure.Reason.init) ?? otherwise
        let message = object["error"]?.text.map(remark.clean) ?? "Grsai gave no message."
        return .init(reason: reason, message: message)
    }
}

/// What a callback claims. Anybody can send one, so it is a hint to poll, never a fact.
public struct GrsaiCallback: Sendable, Hashable {
    /// Grsai's id of the task.
    public let providerTaskID: String
    /// How the task stands, as claimed.
    public let claim: ProviderStatus

    /// The id, and whether the callback tells of an end, which is to be asked for.
    public var told: (providerTaskID: String, claimsEnd: Bool) {
        switch claim {
        case .succeeded, .failed: (providerTaskID, true)
        case .running, .notFound, .unreadable: (providerTaskID, false)
        }
    }

    /// Reads a callback's body: the task's object, bare or wrapped as in a poll.
    ///
    /// Nil where the body is not JSON or names no task.
    public init?(body: [UInt8]) {
        guard body.count <= GrsaiClient.answerBytes, let value = LooseValue.parse(body) else { return nil }
        var object = value
        if case .object? = value["data"], let data = value["data"] { object = data }
        let task = TaskObject(object, remark: Remark(hiding: []))
        guard let id = task.id else { return nil }
        providerTaskID = id
        claim = task.status
    }
}
