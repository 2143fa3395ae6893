/// A callback that will be sent at an instant.
struct PlannedCallback: Sendable, Hashable {
    let at: Int64
    let taskID: String
    let content: Content

    enum Content: Sendable, Hashable {
        /// The task as it stood at an instant.
        case report(asOf: Int64)
        /// A success that is not true, with a video of somebody else.
        case falseSuccess
        /// A task that the provider never took.
        case stranger
    }

    /// The callbacks of a task, in the order in which they are sent.
    static func plan(_ task: SimulatedTask) -> [PlannedCallback] {
        let faults = task.fate.callbackFaults
        guard task.webHook != nil else { return [] }
        let start = task.acceptedAt
        let span = task.fate.latency
        var plan: [PlannedCallback] = []
        func add(_ content: Content, at: Int64) {
            plan.append(PlannedCallback(at: at, taskID: task.id, content: content))
        }
        if faults.contains(.callbackForged) {
            add(.stranger, at: start + span / 4)
            add(.falseSuccess, at: start + span / 3)
        }
        guard !faults.contains(.callbackMissing) else { return plan }
        if !task.shutProgress {
            add(.report(asOf: start + span / 10), at: start + span / 10)
            let late = faults.contains(.callbackOutOfOrder) ? start + span + 2_000_000 : start + span / 2
            add(.report(asOf: start + span / 2), at: late)
        }
        if let end = task.finishesAt { add(.report(asOf: end), at: end) }
        if faults.contains(.callbackDuplicate) {
            for callback in plan where callback.isReport { add(callback.content, at: callback.at + 1_000_000) }
        }
        return plan.sorted { $0.at < $1.at }
    }

    private var isReport: Bool {
        if case .report = content { return true }
        return false
    }
}
