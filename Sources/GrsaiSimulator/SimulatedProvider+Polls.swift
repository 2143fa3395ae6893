extension SimulatedProvider {
    /// `POST /v1/draw/result`: how a task stands.
    func result(of id: String?, authorization: String?) throws -> CannedAnswer {
        counts.polls += 1
        guard mayPass(authorization: authorization) else { return try .message(401, "apikey error", status: 401) }
        let now = clock.now
        guard let id, let index = indexOfID[id], tasks[index].isFound(at: now) else {
            counts.pollsNotFound += 1
            return try .message(-22, "task not found")
        }
        tasks[index].polls += 1
        let object = tasks[index].object(at: now, baseURL: baseURL)
        let dice = Dice(seed: knobs[.seed], subject: "\(id)/poll/\(tasks[index].polls)")
        switch dice.choose("poll", Knob.pollFaults, knobs) {
        case .pollTooManyRequests:
            return try .message(429, "too many requests", status: 429, retryAfterSeconds: knobs[.retryAfterSeconds])
        case .pollError: return .text("<h1>500 Internal Server Error</h1>", status: 500)
        case .pollDataNull: return try .message(0, "success")
        case .pollFlat: return try .json(object)
        default: return try .json(WireAnswer(code: 0, msg: "success", data: object))
        }
    }

    /// `POST /client/openapi/getAPIKeyCredits`.
    func credits(authorization: String?) throws -> CannedAnswer {
        guard mayPass(authorization: authorization) else { return try .message(401, "apikey error", status: 401) }
        let left = knobs[.credits]
        return try .json(WireAnswer(code: 0, msg: "success", data: ["credits": left < 0 ? 1_000_000_000 : left]))
    }

    /// `GET /files/{id}.mp4`: the video, or nil before its success and after its address's life.
    func video(named name: String) -> [UInt8]? {
        let id = name.hasSuffix(".mp4") ? String(name.dropLast(4)) : name
        guard let index = indexOfID[id], tasks[index].hasVideo(at: clock.now) else {
            counts.filesMissing += 1
            return nil
        }
        counts.filesServed += 1
        return VideoBytes.of(id)
    }

    /// One step of a stream: the task now, whether that was its end, and the real microseconds to the next step.
    func step(of id: String) -> (object: WireTask, isLast: Bool, pauseMicroseconds: Int64)? {
        guard let index = indexOfID[id] else { return nil }
        let task = tasks[index]
        let now = clock.now
        let isLast = task.finishesAt.map { now >= $0 } ?? false
        let pause = clock.scale > 0 ? max(10_000, task.fate.latency / 20 / clock.scale) : 10_000
        return (task.object(at: now, baseURL: baseURL), isLast, min(pause, 1_000_000))
    }
}
