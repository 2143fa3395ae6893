/// When each accepted task is asked for next, and what an answer means. Nothing is written to the database for a poll.
///
/// Times are the machine's own, running `rate` times slower than the engine's clock.
struct PollSchedule {
    typealias Instant = ContinuousClock.Instant

    /// What to do after an answer.
    enum Decision: Equatable {
        /// Ask again later, which the schedule has noted.
        case wait
        case end(TaskEnding)
        /// It was given up before, and is rendered now.
        case lateSuccess
        /// It was given up before, and nothing more is to be expected.
        case forget
    }

    private struct Entry {
        let task: AcceptedTask
        let acceptedAt: Instant
        let deadlineAt: Instant
        /// Which entry of the queue is this one's; zero where it is in none.
        var turn = 0
        var timesMissing = 0
        /// Timed out: asked for only to learn of a late success.
        var isGivenUp = false
        /// The provider is being asked.
        var isAsked = false
        /// Ask again at once when its answer to what it is being asked is here.
        var isHurried = false
    }

    /// Engine seconds between two polls, at first and later.
    private static let shortestPause: Int64 = 5
    private static let longestPause: Int64 = 15
    /// Engine seconds between two polls of a task that was given up, and how long that goes on.
    private static let latePause: Int64 = 60
    static let lateSeconds: Int64 = 3600
    /// Tasks that were given up and that one worker keeps asking for: 33 a second, at one question a minute each.
    static let lateLimit = 2_000
    /// Engine seconds for which a provider may not know a task that it has just taken, and denials that count after.
    private static let unknownAtFirstSeconds: Int64 = 60
    private static let denials = 3

    private let rate: Int64
    private var entries: [String: Entry] = [:]
    /// The tasks by when they are due. A task that was moved stays where it stood, too, and is passed over there.
    private var queue = DueQueue()
    /// Counts the turns.
    private var turns = 0
    /// The tasks by the provider's ids.
    private var taskIDs: [String: String] = [:]
    /// Tasks that were given up, and of which the provider has said that nothing is to be expected.
    private var forgotten: Set<String> = []
    /// When to look again for tasks that were given up; nil before the first look.
    private var nextLookAt: Instant?

    /// - Parameter rate: Engine seconds in a second of this machine, at least 1.
    init(rate: Int64) {
        self.rate = max(rate, 1)
    }

    var count: Int { entries.count }

    /// Adds a task that this worker polls from now on; one that is known under the same id stays as it is.
    mutating func add(_ task: AcceptedTask, now: Instant, using random: inout some RandomNumberGenerator) {
        guard entries[task.taskID]?.task.providerTaskID != task.providerTaskID else { return }
        remove(task.taskID)
        taskIDs[task.providerTaskID] = task.taskID
        let acceptedAt = now - real(task.ageSeconds)
        let pause = min(max(Self.shortestPause - task.ageSeconds, 0), Self.shortestPause)
        entries[task.taskID] = Entry(
            task: task, acceptedAt: acceptedAt, deadlineAt: now + real(max(task.secondsLeft, 0)))
        line(up: task.taskID, at: now + jittered(real(pause), using: &random))
    }

    /// Gives a task its turn, in place of the one that it has.
    private mutating func line(up taskID: String, at instant: Instant) {
        turns += 1
        entries[taskID]?.turn = turns
        queue.push(.init(at: instant, turn: turns, taskID: taskID))
    }

    /// The tasks to ask for now, at most `limit`; each is left out until its answer was decided on.
    mutating func takeDue(now: Instant, limit: Int) -> [AcceptedTask] {
        var due: [AcceptedTask] = []
        while due.count < limit, let next = first(), next.at <= now {
            queue.removeFirst()
            guard var entry = entries[next.taskID] else { continue }
            entry.turn = 0
            entry.isAsked = true
            entries[next.taskID] = entry
            due.append(entry.task)
        }
        return due
    }

    /// The first turn that is still somebody's.
    private mutating func first() -> DueQueue.Turn? {
        while let next = queue.first {
            if entries[next.taskID]?.turn == next.turn { return next }
            queue.removeFirst()
        }
        return nil
    }

    /// A callback tells of the end of tasks: they are asked for at once, as far as they are on the schedule. True if
    /// any is.
    mutating func hurry(_ providerTaskIDs: some Sequence<String>, now: Instant) -> Bool {
        var isAny = false
        for taskID in providerTaskIDs.compactMap({ taskIDs[$0] }) {
            guard let entry = entries[taskID] else { continue }
            if entry.isAsked { entries[taskID]?.isHurried = true } else { line(up: taskID, at: now) }
            isAny = true
        }
        return isAny
    }

    /// When the next task is due, nil where there is none.
    mutating func nextDueAt() -> Instant? { first()?.at }

    /// Decides on an answer. Nil where the task is not on the schedule, or under another id by now.
    mutating func decide(
        _ asked: AcceptedTask, _ status: ProviderStatus, now: Instant, using random: inout some RandomNumberGenerator
    ) -> Decision? {
        let taskID = asked.taskID
        guard var entry = entries[taskID], entry.task.providerTaskID == asked.providerTaskID else { return nil }
        let isHurried = entry.isHurried
        entry.isAsked = false
        entry.isHurried = false
        entries[taskID] = entry
        if entry.isGivenUp { return decideLate(taskID, status, now: now) }
        switch status {
        case .succeeded(let videoURL, _): return .end(.succeeded(taskID, videoURL: videoURL))
        case .failed(let failure): return .end(.failed(taskID, failure))
        case .running, .notFound, .unreadable: break
        }
        guard now < entry.deadlineAt else { return .end(.timedOut(taskID)) }
        if status == .notFound, now - entry.acceptedAt > real(Self.unknownAtFirstSeconds) {
            entry.timesMissing += 1
            if entry.timesMissing >= Self.denials { return .end(.lost(taskID)) }
        }
        let age = engineSeconds(now - entry.acceptedAt)
        let pause = min(max(age / 4, Self.shortestPause), Self.longestPause)
        entries[taskID] = entry
        line(up: taskID, at: isHurried ? now : min(now + jittered(real(pause), using: &random), entry.deadlineAt))
        return .wait
    }

    /// Takes a task off the schedule, or keeps an eye on it where it was timed out. One that has another id by now is
    /// another's to end.
    mutating func ended(_ asked: AcceptedTask, keepsWatching: Bool, now: Instant) {
        let taskID = asked.taskID
        guard entries[taskID]?.task.providerTaskID == asked.providerTaskID else { return }
        guard keepsWatching else { return remove(taskID) }
        entries[taskID]?.isGivenUp = true
        line(up: taskID, at: now + real(Self.latePause))
    }

    /// The end of a task cannot be recorded now: it is asked for again before long.
    mutating func askAgain(_ asked: AcceptedTask, now: Instant) {
        guard entries[asked.taskID]?.task.providerTaskID == asked.providerTaskID else { return }
        line(up: asked.taskID, at: now + real(Self.longestPause))
    }

    /// How long it is from one look for tasks that were given up to the next.
    var pauseOfLooks: Duration { real(Self.latePause) }

    /// True where it is time to look for tasks that were given up, by whomever: at first, and then every minute.
    mutating func takeLook(now: Instant) -> Bool {
        if let nextLookAt, now < nextLookAt { return false }
        nextLookAt = now + real(Self.latePause)
        return true
    }

    /// Keeps an eye on these tasks that were given up, and on no others: they are this worker's, whoever had them
    /// before.
    mutating func watch(_ tasks: [AcceptedTask], now: Instant, using random: inout some RandomNumberGenerator) {
        let ids = Set(tasks.map(\.taskID))
        for (taskID, entry) in entries where entry.isGivenUp && !ids.contains(taskID) { remove(taskID) }
        forgotten.formIntersection(ids)
        for task in tasks where entries[task.taskID] == nil && !forgotten.contains(task.taskID) {
            // Spread over the pause, so that many are not asked for together.
            let pause = real(Self.latePause) * Int.random(in: 0...100, using: &random) / 100
            taskIDs[task.providerTaskID] = task.taskID
            entries[task.taskID] = Entry(task: task, acceptedAt: now, deadlineAt: now, isGivenUp: true)
            line(up: task.taskID, at: now + pause)
        }
    }

    private mutating func decideLate(_ taskID: String, _ status: ProviderStatus, now: Instant) -> Decision? {
        guard let entry = entries[taskID] else { return nil }
        if case .succeeded = status {
            remove(taskID)
            return .lateSuccess
        }
        let isOver = now - entry.deadlineAt > real(Self.lateSeconds)
        if case .failed = status {
            remove(taskID)
            forgotten.insert(taskID)
            return .forget
        }
        guard !isOver else {
            remove(taskID)
            return .forget
        }
        line(up: taskID, at: now + real(Self.latePause))
        return .wait
    }

    private mutating func remove(_ taskID: String) {
        guard let entry = entries.removeValue(forKey: taskID) else { return }
        taskIDs[entry.task.providerTaskID] = nil
    }

    private func real(_ engineSeconds: Int64) -> Duration { .seconds(engineSeconds) / Int(rate) }

    private func engineSeconds(_ duration: Duration) -> Int64 { (duration * Int(rate)).components.seconds }

    /// A fifth more or less, so that tasks that came together are not asked for together for ever.
    private func jittered(_ duration: Duration, using random: inout some RandomNumberGenerator) -> Duration {
        duration * Int.random(in: 80...120, using: &random) / 100
    }
}

/// Turns by their instants, the earliest first: a heap.
struct DueQueue {
    struct Turn {
        let at: ContinuousClock.Instant
        let turn: Int
        let taskID: String

        /// Turns of one instant follow each other as they were given.
        fileprivate func isBefore(_ other: Turn) -> Bool { (at, turn) < (other.at, other.turn) }
    }

    private var turns: [Turn] = []

    var first: Turn? { turns.first }
    var count: Int { turns.count }

    mutating func push(_ turn: Turn) {
        var place = turns.count
        turns.append(turn)
        while place > 0, turn.isBefore(turns[(place - 1) / 2]) {
            turns[place] = turns[(place - 1) / 2]
            place = (place - 1) / 2
        }
        turns[place] = turn
    }

    /// Removes the earliest turn; there must be one.
    mutating func removeFirst() {
        let last = turns.removeLast()
        guard !turns.isEmpty else { return }
        var place = 0
        while true {
            var next = 2 * place + 1
            guard next < turns.count else { break }
            if next + 1 < turns.count, turns[next + 1].isBefore(turns[next]) { next += 1 }
            guard turns[next].isBefore(last) else { break }
            turns[place] = turns[next]
            place = next
        }
        turns[place] = last
    }
}
