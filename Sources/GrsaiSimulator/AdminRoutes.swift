import Domain
import HTTPTypes
import Hummingbird

/// The addresses for whoever tests: what was taken, what was counted, and the knobs.
struct AdminRoutes: Sendable {
    let provider: SimulatedProvider

    func add(to router: Router<SimulatorContext>) {
        let admin = router.group("admin")
        admin.get("tasks") { request, _ in
            let query = request.uri.queryParameters
            let page = await provider.adminTasks(
                nonce: query.get("nonce"), id: query.get("id"),
                offset: max(0, query.get("offset", as: Int.self) ?? 0),
                limit: max(0, query.get("limit", as: Int.self) ?? Int.max))
            return try CannedAnswer.json(page).response
        }
        admin.get("stats") { _, _ in try CannedAnswer.json(await provider.stats()).response }
        admin.get("knobs") { _, _ in try CannedAnswer.json(await provider.knobs.named).response }
        admin.post("knobs") { request, _ in
            try await act(request) { try await provider.change($0) }
        }
        admin.post("clock") { request, _ in
            try await act(request) { changes in
                guard let seconds = changes["advance_seconds"], changes.count == 1 else {
                    throw DaybookError.usage("Send {\"advance_seconds\": N}.")
                }
                return ["simulated_seconds": try await provider.advance(bySeconds: seconds)]
            }
        }
    }

    /// Numbers by name in, numbers by name out; a mistake is a 400 with its sentence.
    private func act(
        _ request: Request, _ action: ([String: Int64]) async throws -> [String: Int64]
    ) async throws -> Response {
        var request = request
        guard let changes = try await ProviderRoutes.decode([String: Int64].self, &request) else {
            return try CannedAnswer.json(["error": "Send a JSON object of whole numbers by name."], status: 400)
                .response
        }
        do {
            return try CannedAnswer.json(try await action(changes)).response
        } catch let error as DaybookError {
            return try CannedAnswer.json(["error": error.sentence], status: 400).response
        }
    }
}

extension SimulatedProvider {
    /// Everything that was taken, in its order, those of the journal first.
    func adminTasks(nonce: String?, id: String?, offset: Int, limit: Int) -> AdminPage {
        let now = clock.now
        var all = earlier.enumerated().map { AdminTask($0.element, ordinal: $0.offset + 1) }
        all += tasks.map { AdminTask($0, now: now) }
        if let nonce { all = all.filter { $0.nonce == nonce } }
        if let id { all = all.filter { $0.id == id } }
        return AdminPage(total: all.count, tasks: Array(all.dropFirst(offset).prefix(limit)))
    }

    func stats() -> SimulatorCounts {
        var result = counts
        var seen: Set<String> = []
        for nonce in earlier.compactMap(\.nonce) + tasks.compactMap(\.nonce) where !seen.insert(nonce).inserted {
            result.duplicates += 1
        }
        result.neverPolled = tasks.count { $0.polls == 0 }
        result.creditsLeft = knobs[.credits]
        result.simulatedSeconds = clock.now / 1_000_000
        return result
    }

    /// Sets some knobs anew, for what arrives from now on; gives all.
    func change(_ changes: [String: Int64]) throws -> [String: Int64] {
        knobs = try knobs.setting(changes)
        return knobs.named
    }

    /// Moves the simulated time on; gives the seconds since the start.
    func advance(bySeconds seconds: Int64) throws -> Int64 {
        guard (0...31_536_000).contains(seconds) else {
            throw DaybookError.usage("The clock can be moved by 0 to 31536000 seconds at a time.")
        }
        clock.advance(byMicroseconds: seconds * 1_000_000)
        return clock.now / 1_000_000
    }
}

/// A page of taken tasks.
struct AdminPage: Encodable, Sendable {
    /// All that match, on this page or not.
    let total: Int
    let tasks: [AdminTask]
}

/// A taken task as `GET /admin/tasks` lists it.
struct AdminTask: Encodable, Sendable, Hashable {
    let ordinal: Int
    let id: String
    let model: String
    let webHook: String?
    let nonce: String?
    /// `id`, or the knob that kept the client from learning it properly; nil for a task of the journal.
    let answered: String?
    /// `succeeded`, or the knob that decides otherwise; nil for a task of the journal.
    let outcome: String?
    /// The provider's word at this instant; nil for a task of the journal, which a poll no longer finds.
    let status: String?
    let acceptedAtSeconds: Int64?
    let polls: Int
    let callbacks: Int
    /// True for a task of the journal, taken before this start.
    let earlier: Bool

    init(_ task: SimulatedTask, now: Int64) {
        ordinal = task.ordinal
        id = task.id
        model = task.model.rawValue
        webHook = task.webHook
        nonce = task.nonce
        answered = task.fate.reply?.rawValue ?? "id"
        outcome = task.fate.outcome?.rawValue ?? "succeeded"
        status = task.object(at: now, baseURL: "").status
        acceptedAtSeconds = task.acceptedAt / 1_000_000
        polls = task.polls
        callbacks = task.callbacks
        earlier = false
    }

    init(_ entry: Journal.Entry, ordinal: Int) {
        self.ordinal = ordinal
        id = entry.id
        model = entry.model
        webHook = entry.webHook
        nonce = entry.nonce
        answered = nil
        outcome = nil
        status = nil
        acceptedAtSeconds = nil
        polls = 0
        callbacks = 0
        earlier = true
    }

    enum CodingKeys: String, CodingKey {
        case ordinal, id, model, nonce, answered, outcome, status, polls, callbacks, earlier
        case webHook = "web_hook"
        case acceptedAtSeconds = "accepted_at_seconds"
    }
}

/// What the simulator counted since its start, as `GET /admin/stats` shows it.
struct SimulatorCounts: Encodable, Sendable, Hashable {
    /// Requests to have a video rendered, of every fate.
    var submissions = 0
    /// Tasks that were taken, whether or not the client was told.
    var accepted = 0
    /// By the knob that struck (or `unauthorized`, `invalid`, `no_credits`), submissions that were not taken.
    var refused: [String: Int] = [:]
    /// By the knob that struck, tasks that were taken and whose client was not told properly.
    var untold: [String: Int] = [:]
    var polls = 0
    var pollsNotFound = 0
    var callbacksSent = 0
    var callbacksDelivered = 0
    var filesServed = 0
    var filesMissing = 0
    /// Taken before the start, from the journal.
    var earlier = 0
    /// Taken tasks beyond the first of their nonce, those of the journal included.
    var duplicates = 0
    /// Taken tasks that nobody has polled since the start.
    var neverPolled = 0
    var creditsLeft: Int64 = -1
    var simulatedSeconds: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case submissions, accepted, refused, untold, polls, earlier, duplicates
        case pollsNotFound = "polls_not_found"
        case callbacksSent = "callbacks_sent"
        case callbacksDelivered = "callbacks_delivered"
        case filesServed = "files_served"
        case filesMissing = "files_missing"
        case neverPolled = "never_polled"
        case creditsLeft = "credits_left"
        case simulatedSeconds = "simulated_seconds"
    }
}
