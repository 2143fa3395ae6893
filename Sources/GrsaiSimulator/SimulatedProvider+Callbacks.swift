extension SimulatedProvider {
    /// Callbacks of one task that are due, to be sent one after the other.
    struct DueCallbacks: Sendable {
        let address: String
        let bodies: [[UInt8]]
    }

    /// Keeps the order: the next one last, and of one instant the first planned last.
    func schedule(_ callback: PlannedCallback) {
        var low = 0
        var high = pending.count
        while low < high {
            let middle = (low + high) / 2
            if pending[middle].at <= callback.at { high = middle } else { low = middle + 1 }
        }
        pending.insert(callback, at: low)
    }

    /// Takes what is due, of at most so many tasks.
    func dueCallbacks(tasks limit: Int) throws -> [DueCallbacks] {
        let now = clock.now
        var order: [String] = []
        var due: [String: [PlannedCallback]] = [:]
        while let next = pending.last, next.at <= now {
            if due[next.taskID] == nil {
                guard order.count < limit else { break }
                order.append(next.taskID)
            }
            due[next.taskID, default: []].append(next)
            pending.removeLast()
        }
        return try order.compactMap { id in
            guard let index = indexOfID[id], let address = tasks[index].webHook else { return nil }
            let bodies = try (due[id] ?? []).map { try body(of: $0, tasks[index]) }
            tasks[index].callbacks += bodies.count
            counts.callbacksSent += bodies.count
            return DueCallbacks(address: address, bodies: bodies)
        }
    }

    func delivered() {
        counts.callbacksDelivered += 1
    }

    private func body(of callback: PlannedCallback, _ task: SimulatedTask) throws -> [UInt8] {
        switch callback.content {
        case .report(let instant):
            return try CannedAnswer.bytes(task.object(at: instant, baseURL: baseURL))
        case .falseSuccess:
            return try CannedAnswer.bytes(
                WireTask(
                    id: task.id, isSora: task.model.isSora, progress: 100, status: "succeeded",
                    url: "http://forged.invalid/\(task.id).mp4"))
        case .stranger:
            let id = Dice(seed: knobs[.seed], subject: task.id).uuid("stranger")
            return try CannedAnswer.bytes(
                WireTask(
                    id: id, isSora: task.model.isSora, progress: 100, status: "succeeded",
                    url: "http://forged.invalid/\(id).mp4"))
        }
    }
}
