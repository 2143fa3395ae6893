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
