import Domain

/// A small model of the engine: what every history must lead to, without a database.
struct EngineModel {
    struct Task {
        let id: String
        let model: VideoModel
        var state = TaskState.ready
        var attempts: Int64 = 0
        var readyAt: Instant
        let expiresAt: Instant
        /// When an unknown submission is given up.
        var givenUpAt = Instant.distantFuture
        var nonce: [UInt8] = []
        var intentAt = Instant.distantPast
    }

    struct Batch {
        let id: String
        var tasks: [Task]
        var draws: [Draw]
        let frozen: Int64
        var spent: Int64 = 0
        var refunded: Int64 = 0
        var isSettled = false
        var isCancelled = false
    }

    /// The gate of a model.
    struct Gate: Equatable {
        let places: Int
        var failures: Int64 = 0
        var closings: Int64 = 0
        var blockedUntil: Instant?
        var isProbing = false

        /// Tasks that may be claimed, as far as the provider is concerned.
        func limit(_ limit: Int, at now: Instant) -> Int {
            if let blockedUntil, blockedUntil > now { return 0 }
            return closings > 0 ? min(limit, 1) : limit
        }

        mutating func claimed(at now: Instant) {
            guard closings > 0 else { return }
            isProbing = true
            blockedUntil = now.adding(seconds: 90)
        }

        mutating func providerLives() {
            guard failures > 0 else { return }
            if closings > 0 { blockedUntil = nil }
            failures = 0
            closings = 0
            isProbing = false
        }

        /// - Parameter pause: Seconds that the provider asked for.
        mutating func failed(pause: Int64?, at now: Instant) {
            failures += 1
            if isProbing || (closings == 0 && failures >= 5) {
                closings += 1
                if isProbing { blockedUntil = nil }
                close(until: now.adding(seconds: min(1 << min(closings, 16), 300)))
                isProbing = false
            }
            if let pause { close(until: now.adding(seconds: pause)) }
        }

        private mutating func close(until end: Instant) { blockedUntil = blockedUntil.map { max($0, end) } ?? end }
    }

    var wallet = Wallet()
    /// What the ledger must add up to.
    var ledger: Int64 = 0
    var batches: [Batch] = []
    var gates: [VideoModel: Gate]

    init(gates: [VideoModel: Int]) {
        self.gates = gates.mapValues { Gate(places: $0) }
    }

    /// Whoever takes the wallet's lock takes out first what has expired.
    mutating func hold(at now: Instant) {
        for movement in wallet.expire(at: now) { ledger -= movement.credits }
    }

    mutating func open(_ lot: Lot, at now: Instant) {
        hold(at: now)
        wallet.open(lot)
        ledger += lot.remaining
    }

    /// Takes credits out without a batch; false where there are not so many.
    mutating func takeOut(_ credits: Int64, at now: Instant) -> Bool {
        var after = self
        after.hold(at: now)
        guard after.wallet.takeOut(credits) else { return false }
        after.ledger -= credits
        self = after
        return true
    }

    /// False where the credit does not suffice: then nothing happened, not even an expiry.
    mutating func create(_ id: String, taskIDs: [String], models: [VideoModel], at now: Instant) -> Bool {
        var after = self
        after.hold(at: now)
        let amounts = Dictionary(models.map { ($0, $0.credits) }, uniquingKeysWith: +)
        guard let draws = try? after.wallet.freeze(amounts) else { return false }
        let frozen = amounts.values.reduce(0, +)
        after.ledger -= frozen
        let tasks = zip(taskIDs, models).map {
            Task(id: $0, model: $1, readyAt: now, expiresAt: now.adding(seconds: 86_400))
        }
        after.batches.append(Batch(id: id, tasks: tasks, draws: draws, frozen: frozen))
        self = after
        return true
    }

    /// Applies an event to some tasks of a batch; those that it does not apply to stay as they are.
    mutating func apply(_ event: TaskEvent, to ids: Set<String>, of index: Int, at now: Instant) {
        var ended = false
        for position in batches[index].tasks.indices where ids.contains(batches[index].tasks[position].id) {
            guard let state = batches[index].tasks[position].state.after(event) else { continue }
            batches[index].tasks[position].state = state
            ended = ended || !state.isOpen
        }
        if ended { settle(index, at: now) }
    }

    mutating func cancel(_ index: Int, at now: Instant) {
        guard !batches[index].isSettled else { return }
        batches[index].isCancelled = true
        apply(.cancelled, to: Set(batches[index].tasks.map(\.id)), of: index, at: now)
        if !batches[index].isSettled { refundFailures(index, at: now) }
    }

    mutating func settle(_ index: Int, at now: Instant) {
        guard !batches[index].isSettled, batches[index].tasks.allSatisfy({ !$0.state.isOpen }) else { return }
        refundFailures(index, at: now)
        batches[index].spent = batches[index].tasks.filter { $0.state == .succeeded }.reduce(0) {
            $0 + $1.model.credits
        }
        batches[index].isSettled = true
    }

    mutating func refundFailures(_ index: Int, at now: Instant) {
        let unsuccessful: Set<TaskState> = [.failed, .timedOut, .cancelled]
        let excess = VideoModel.allCases.sorted().compactMap { model -> (VideoModel, Int64)? in
            let kept = batches[index].draws.filter { $0.model == model }.reduce(0) { $0 + $1.kept }
            let needed = batches[index].tasks.filter { $0.model == model && !unsuccessful.contains($0.state) }
                .reduce(0) { $0 + $1.model.credits }
            return kept > needed ? (model, kept - needed) : nil
        }
        guard !excess.isEmpty else { return }
        hold(at: now)
        for (model, credits) in excess {
            for movement in wallet.giveBack(credits, of: model, to: &batches[index].draws, at: now)
            where !movement.isExpired {
                ledger += movement.credits
            }
            batches[index].refunded += credits
        }
    }

    /// Where a task is: its batch and its place there.
    func find(_ taskID: String) -> (batch: Int, task: Int)? {
        for (index, batch) in batches.enumerated() {
            if let position = batch.tasks.firstIndex(where: { $0.id == taskID }) { return (index, position) }
        }
        return nil
    }

    func tasks(in states: Set<TaskState>) -> [Task] {
        batches.flatMap(\.tasks).filter { states.contains($0.state) }
    }
}

/// Something that happens to a task.
enum TaskEvent: Sendable, Hashable, CaseIterable {
    /// A worker has committed the intent to submit it.
    case dispatched
    /// It is proved that the provider did not take it, and it may be tried again.
    case refused
    /// It is proved that the provider did not take it, and trying again is no use.
    case rejected
    /// Nobody knows whether the provider took it.
    case answerLost
    /// The provider took it, by its answer, by a response found in the spool, or by the callback with its nonce.
    case accepted
    case succeeded
    case failed
    /// The deadline passed, and one last poll found it still running.
    case deadlinePassed
    /// An unknown submission was given up.
    case givenUp
    /// It waited too long to be handed over.
    case expired
    /// The customer cancelled the batch.
    case cancelled
}

extension TaskState {
    /// The state after an event; nil where the event changes nothing, because it comes too late or too early.
    func after(_ event: TaskEvent) -> TaskState? {
        switch (self, event) {
        case (.ready, .dispatched): .intent
        case (.ready, .cancelled): .cancelled
        case (.ready, .expired): .failed
        case (.intent, .refused): .ready
        case (.intent, .rejected): .failed
        case (.intent, .answerLost): .unknown
        case (.intent, .accepted), (.unknown, .accepted): .accepted
        // A proof that comes late ends it: it waited as unknown, and is not submitted again.
        case (.unknown, .refused), (.unknown, .rejected), (.unknown, .givenUp): .failed
        case (.accepted, .succeeded): .succeeded
        case (.accepted, .failed): .failed
        case (.accepted, .deadlinePassed): .timedOut
        default: nil
        }
    }
}
