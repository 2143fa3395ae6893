import Domain

/// The state of the simulated provider: the tasks it took, its credits, its clock, what it still has to call back.
actor SimulatedProvider {
    /// What the line does after a submission.
    enum Reaction: Sendable {
        case answer(CannedAnswer)
        case drop
        case hang(seconds: Int64)
        /// The task's progress on the same connection, until its end.
        case stream(taskID: String)
    }

    private let key: String
    private let journal: Journal?
    var knobs: Knobs
    var clock: SimulatedClock
    /// Where results and their addresses live; known once the server listens.
    var baseURL = ""
    var tasks: [SimulatedTask] = []
    var indexOfID: [String: Int] = [:]
    var counts = SimulatorCounts()
    /// Callbacks to be sent, the next one last.
    var pending: [PlannedCallback] = []
    private let earlierIDs: Set<String>
    /// Submissions that came with a nonce, or with none (under the empty name).
    private var attempts: [String: Int] = [:]

    init(settings: SimulatorSettings) throws {
        key = settings.key
        knobs = settings.knobs
        clock = SimulatedClock(scale: settings.timeScale)
        journal = try settings.journal.map(Journal.init(path:))
        earlierIDs = Set(journal?.earlier.map(\.id) ?? [])
        counts.earlier = journal?.earlier.count ?? 0
        for entry in journal?.earlier ?? [] { attempts[entry.nonce ?? "", default: 0] += 1 }
    }

    var earlier: [Journal.Entry] { journal?.earlier ?? [] }

    func listens(at baseURL: String) {
        self.baseURL = baseURL
    }

    func mayPass(authorization: String?) -> Bool {
        authorization == "Bearer " + key
    }

    /// Takes a task, or does not, as the fate of its submission has it.
    func submit(_ form: SubmissionForm?, forSora: Bool, authorization: String?) throws -> Reaction {
        counts.submissions += 1
        guard mayPass(authorization: authorization) else {
            return refuse("unauthorized", try .message(401, "apikey error", status: 401))
        }
        guard let form, let model = form.model(forSora: forSora) else {
            return refuse("invalid", try .message(-1, "Invalid input parameters"))
        }
        let nonce = form.callbackURL.flatMap(SubmissionForm.nonce(of:))
        let attempt = attempts[nonce ?? "", default: 0] + 1
        attempts[nonce ?? ""] = attempt
        let subject = nonce.map { attempt == 1 ? $0 : "\($0)/\(attempt)" } ?? "#\(attempt)"
        let dice = Dice(seed: knobs[.seed], subject: subject)
        let fate = Fate(dice, model: model, knobs: knobs)
        if let refusal = fate.refusal { return refuse(refusal.rawValue, try answer(refusal)) }
        let price = knobs[model.credits]
        guard knobs[.credits] < 0 || knobs[.credits] >= price else {
            return refuse("no_credits", try .message(-1, "Insufficient credits"))
        }
        knobs.spend(price)
        let task = SimulatedTask(
            ordinal: counts.earlier + tasks.count + 1, id: freshID(dice), model: model, webHook: form.callbackURL,
            nonce: nonce, shutProgress: form.shutProgress ?? false, acceptedAt: clock.now, fate: fate)
        try accept(task)
        return form.webHook == nil ? .stream(taskID: task.id) : try reaction(to: task)
    }

    /// An id that no task has, of the journal's neither: they are not asked how often a nonce was refused before.
    private func freshID(_ dice: Dice) -> String {
        var id = dice.uuid("id")
        var number = 1
        while indexOfID[id] != nil || earlierIDs.contains(id) {
            number += 1
            id = dice.uuid("id \(number)")
        }
        return id
    }

    private func refuse(_ reason: String, _ answer: CannedAnswer) -> Reaction {
        counts.refused[reason, default: 0] += 1
        return .answer(answer)
    }

    private func answer(_ refusal: Knob) throws -> CannedAnswer {
        switch refusal {
        case .tooManyRequests:
            try .message(429, "too many requests", status: 429, retryAfterSeconds: knobs[.retryAfterSeconds])
        case .unauthorized: try .message(401, "apikey error", status: 401)
        case .badRequest: try .message(400, "Invalid input parameters", status: 400)
        case .refuse: try .message(-1, "Invalid input parameters")
        default: .text("<h1>500 Internal Server Error</h1>", status: 500)
        }
    }

    private func accept(_ task: SimulatedTask) throws {
        // First into the journal: whoever reads it must find every task that a client can have been told of.
        try journal?.append(
            .init(id: task.id, model: task.model.rawValue, webHook: task.webHook, nonce: task.nonce))
        indexOfID[task.id] = tasks.count
        tasks.append(task)
        counts.accepted += 1
        for callback in PlannedCallback.plan(task) { schedule(callback) }
    }

    private func reaction(to task: SimulatedTask) throws -> Reaction {
        guard let reply = task.fate.reply else {
            return .answer(try .json(WireAnswer(code: 0, msg: "success", data: ["id": task.id])))
        }
        counts.untold[reply.rawValue, default: 0] += 1
        switch reply {
        case .acceptThenDrop: return .drop
        case .acceptThenHang: return .hang(seconds: knobs[.hangSeconds])
        case .acceptThenError: return .answer(.text("<h1>502 Bad Gateway</h1>", status: 502))
        case .acceptDataNull: return .answer(try .message(0, "success"))
        case .acceptFlat: return .answer(try .json(["id": task.id]))
        default: return .answer(.text("<html>upstream connect error</html>", status: 200))
        }
    }
}

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
    func video(named name: String) -> SimulatedVideo? {
        let id = name.hasSuffix(".mp4") ? String(name.dropLast(4)) : name
        guard let index = indexOfID[id], tasks[index].hasVideo(at: clock.now) else {
            counts.filesMissing += 1
            return nil
        }
        tasks[index].fetches += 1
        let dice = Dice(seed: knobs[.seed], subject: "\(id)/file/\(tasks[index].fetches)")
        let fault = dice.choose("file", Knob.videoFaults, knobs)
        guard fault != .videoMissing else {
            counts.filesMissing += 1
            return nil
        }
        counts.filesServed += 1
        return SimulatedVideo(id: id, kilobytes: Int(knobs[.videoKilobytes]), fault: fault)
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

/// Simulated time: microseconds since the start, so many times faster than real ones, and movable by hand.
struct SimulatedClock: Sendable {
    /// Simulated seconds per real second; 0 stands still and moves by hand only.
    let scale: Int64
    private let startedAt = ContinuousClock.now
    private var advanced: Int64 = 0

    init(scale: Int64) {
        self.scale = scale
    }

    /// Microseconds since the start.
    var now: Int64 {
        guard scale > 0 else { return advanced }
        let (seconds, attoseconds) = (ContinuousClock.now - startedAt).components
        return (seconds * 1_000_000 + attoseconds / 1_000_000_000_000) * scale + advanced
    }

    mutating func advance(byMicroseconds microseconds: Int64) {
        advanced += microseconds
    }
}
