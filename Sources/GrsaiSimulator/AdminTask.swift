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
