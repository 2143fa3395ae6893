import BatchEngine
import Domain

/// Reads the answer to a submission. Only what is proved counts as accepted or refused; the rest is unknown.
struct SubmissionReading {
    let remark: Remark

    func answer(_ received: ReceivedAnswer) -> SubmissionAnswer {
        switch received.status {
        case 200...299: accepted(received)
        case 400...499: .refused(refusal(received))
        default: .unknown(remark: "Grsai answered with HTTP \(received.status).")
        }
    }

    /// HTTP 4xx proves that the task was not taken.
    private func refusal(_ received: ReceivedAnswer) -> SubmissionAnswer.Refusal {
        let body = LooseValue.parse(received.body)
        let message = body?["msg"]?.text ?? body?["message"]?.text ?? body?["error"]?.text
        let sentence = sentence("Grsai refused with HTTP \(received.status)", message)
        let seconds = received.retryAfter.flatMap(Self.seconds(retryAfter:))
        switch received.status {
        case 400 where message.map(Self.namesTheAccount) == true:
            return .init(kind: .account, remark: sentence)
        case 400, 413, 414, 422, 451: return .init(kind: .task, remark: sentence)
        // A path or a method that is not there means a wrong base address: a person has to look.
        case 401, 402, 403, 404, 405, 410, 415:
            return .init(kind: .account, remark: sentence, retryAfterSeconds: seconds)
        default: return .init(kind: .temporary, remark: sentence, retryAfterSeconds: seconds)
        }
    }

    private func accepted(_ received: ReceivedAnswer) -> SubmissionAnswer {
        guard let body = LooseValue.parse(received.body), case .object = body else {
            return .unknown(remark: "Grsai's answer (HTTP \(received.status)) cannot be read.")
        }
        let id = body["data"]?["id"]?.text ?? body["id"]?.text
        guard let id, !Self.isUnfit(id) else {
            guard id == nil, let code = body["code"]?.integer, code != 0 else {
                return .unknown(remark: "Grsai's answer names no task.")
            }
            return .refused(documented(code, body["msg"]?.text))
        }
        // A code that is absent is the flat form. An id beside a refusal contradicts itself.
        guard body["code"] == nil || body["code"] == .null || body["code"]?.integer == 0 else {
            return .unknown(remark: "Grsai's answer names a task and refuses it.")
        }
        return .accepted(providerTaskID: id)
    }

    /// The documented refusal: HTTP 200 with a code that is not 0.
    private func documented(_ code: Int64, _ message: String?) -> SubmissionAnswer.Refusal {
        let sentence = sentence("Grsai refused with code \(code)", message)
        if message.map(Self.namesTheAccount) == true { return .init(kind: .account, remark: sentence) }
        if message.map(Self.asksToWait) == true { return .init(kind: .temporary, remark: sentence) }
        return .init(kind: .task, remark: sentence)
    }

    private func sentence(_ start: String, _ message: String?) -> String {
        guard let message else { return start + "." }
        let cleaned = remark.clean(message)
        return start + ": " + cleaned + (cleaned.hasSuffix(".") ? "" : ".")
    }

    /// An id that could not be kept or asked for.
    private static func isUnfit(_ id: String) -> Bool {
        id.utf8.count > Limits.providerTaskIDBytes || !id.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    // The codes are not documented, so the words decide between one task and all of them.
    private static let accountWords = [
        "credit", "balance", "apikey", "api key", "api-key", "unauthorized", "forbidden", "余额", "积分",
    ]
    private static let waitWords = ["too many requests", "rate limit", "too frequent", "频繁"]

    private static func namesTheAccount(_ message: String) -> Bool {
        let message = message.lowercased()
        return accountWords.contains { message.contains($0) }
    }

    private static func asksToWait(_ message: String) -> Bool {
        let message = message.lowercased()
        return waitWords.contains { message.contains($0) }
    }

    /// Seconds of a `Retry-After` in its plain form, kept within our bounds; nil for a date.
    static func seconds(retryAfter: String) -> Int64? {
        let digits = retryAfter.filter { $0 != " " }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let bounds = Limits.retryAfterSeconds
        return min(max(Int64(digits) ?? bounds.upperBound, bounds.lowerBound), bounds.upperBound)
    }
}

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
        model = request.model.providerName
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
}
