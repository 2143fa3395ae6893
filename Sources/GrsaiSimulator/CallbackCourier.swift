import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Sends the callbacks that are due: each once, whatever comes back, those of one task in their order.
struct CallbackCourier: Service {
    let provider: SimulatedProvider
    let client: HTTPClient

    /// Tasks whose callbacks are under way at once.
    private static let lanes = 64
    /// Real milliseconds between two looks at the clock: a simulated one can jump, so there is no instant to sleep to.
    private static let tickMilliseconds: Int64 = 10

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                var underWay = 0
                while !Task.isCancelled {
                    let due = try await provider.dueCallbacks(tasks: Self.lanes)
                    for callbacks in due {
                        if underWay >= Self.lanes {
                            try await group.next()
                            underWay -= 1
                        }
                        group.addTask { await deliver(callbacks) }
                        underWay += 1
                    }
                    guard due.isEmpty else { continue }
                    do { try await Task.sleep(for: .milliseconds(Self.tickMilliseconds)) } catch { break }
                }
                group.cancelAll()
            }
        }
    }

    private func deliver(_ callbacks: SimulatedProvider.DueCallbacks) async {
        for body in callbacks.bodies {
            var request = HTTPClientRequest(url: callbacks.address)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
            // A receiver that is not there is its own trouble; the provider does not try again.
            guard let response = try? await client.execute(request, timeout: .seconds(5)) else { continue }
            _ = try? await response.body.collect(upTo: 65_536)
            if (200...299).contains(response.status.code) { await provider.delivered() }
        }
    }
}

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
