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

/// A small file that looks like an MP4 and is the same for the same task every time.
enum VideoBytes {
    static func of(_ id: String) -> [UInt8] {
        let dice = Dice(seed: 0, subject: id)
        let count = 1024 + Int(dice.roll("length", sides: 1024))
        var bytes: [UInt8] = [0, 0, 0, 24] + Array("ftypisom".utf8) + [0, 0, 2, 0] + Array("isomiso2".utf8)
        let size = count + 8
        bytes += [UInt8(size >> 24 & 255), UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255)]
        bytes += Array("mdat".utf8)
        var word = dice.number("content")
        for index in 0..<count {
            if index % 8 == 7 { word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407 }
            bytes.append(UInt8(word >> (UInt64(index % 8) * 8) & 255))
        }
        return bytes
    }
}
