/// A task that the simulated provider took.
struct SimulatedTask: Sendable, Hashable {
    /// Counted from 1 over everything that was taken.
    let ordinal: Int
    let id: String
    let model: SimulatedModel
    /// The callback address; nil for `"-1"` and for a stream.
    let webHook: String?
    /// The end of the callback address, behind its last separator.
    let nonce: String?
    /// Whether only the end is to be reported.
    let shutProgress: Bool
    /// Simulated microseconds.
    let acceptedAt: Int64
    let fate: Fate
    var polls = 0
    var callbacks = 0
    var fetches = 0

    /// When it ends; nil where it never does.
    var finishesAt: Int64? { fate.outcome == .stall ? nil : acceptedAt + fate.latency }

    /// Whether a poll finds it.
    func isFound(at now: Int64) -> Bool { now >= acceptedAt + fate.notFound }

    /// Whether its video can be fetched.
    func hasVideo(at now: Int64) -> Bool {
        guard fate.outcome == nil, let finishesAt else { return false }
        return now >= finishesAt && now < finishesAt + fate.urlLife
    }

    /// 0 to 99 while it runs.
    private func progress(at now: Int64) -> Int64 {
        min(99, max(0, now - acceptedAt) / max(1, fate.latency / 100))
    }

    /// The task's object as the provider shows it at an instant.
    func object(at now: Int64, baseURL: String) -> WireTask {
        guard let finishesAt, now >= finishesAt else {
            return WireTask(
                id: id, isSora: model.isSora, progress: progress(at: now),
                status: fate.hidesStatus ? "awaiting_capacity" : "running")
        }
        switch fate.outcome {
        case .inputModeration:
            return failed("input_moderation", "The prompt was refused by moderation", at: now)
        case .outputModeration:
            return failed("output_moderation", "The video may contain third-party content", at: now)
        case .violation:
            return failed("output_moderation", "Content violation", at: now, status: "violation")
        case .error:
            return failed("error", "Failed to generate, system error please try again", at: now)
        case .successWithoutURL:
            return WireTask(id: id, isSora: model.isSora, progress: 100, status: "succeeded")
        default:
            return WireTask(
                id: id, isSora: model.isSora, progress: 100, status: "succeeded", url: "\(baseURL)/files/\(id).mp4")
        }
    }

    private func failed(_ reason: String, _ error: String, at now: Int64, status: String = "failed") -> WireTask {
        WireTask(
            id: id, isSora: model.isSora, progress: progress(at: now), status: status, failureReason: reason,
            error: error)
    }
}
