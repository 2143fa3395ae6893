import Domain

/// A video that is to be copied: how far that has come, and until when it is tried.
struct VideoCopy: Sendable, Hashable {
    let task: AcceptedTask
    var url: String
    /// Tries that failed, by whomever.
    var attempts: Int64
    /// Tries of this worker's that found no video.
    var misses: Int64 = 0
    let giveUpAt: ContinuousClock.Instant
}

/// Which videos are copied next, and what follows from a try. A pure value: the worker does the copying.
///
/// Times are the machine's own, running `rate` times slower than the engine's clock.
struct CopySchedule {
    typealias Instant = ContinuousClock.Instant

    /// What follows from a try that failed.
    enum Decision: Equatable {
        /// Another one, which the schedule has noted; the record counts this one where that is true.
        case again(counts: Bool)
        /// There is none: the task fails, for the reason of the sentence.
        case giveUp(String)
    }

    private let rate: Int64
    private var copies: [String: VideoCopy] = [:]
    private var queue = DueQueue()
    private var turns: [String: Int] = [:]
    private var turn = 0
    private(set) var underWay: Set<String> = []
    /// Until when the store is left alone.
    private var restsUntil: Instant?
    /// The copy that shows, after a rest, whether the store takes something again.
    private var probe: String?

    init(rate: Int64) {
        self.rate = max(rate, 1)
    }

    /// True while the store takes nothing, as far as anybody knows.
    var isBlocked: Bool { restsUntil != nil }

    /// Adds what is to be copied from now on; what is known under the same id of the provider's stays as it is.
    mutating func add(_ copy: VideoCopy, now: Instant) {
        let taskID = copy.task.taskID
        guard copies[taskID]?.task.providerTaskID != copy.task.providerTaskID else { return }
        copies[taskID] = copy
        guard !underWay.contains(taskID) else { return }
        line(up: taskID, at: now)
    }

    /// The copies to begin now.
    mutating func takeDue(now: Instant) -> [VideoCopy] {
        if let restsUntil, now < restsUntil { return [] }
        var due: [VideoCopy] = []
        while underWay.count < most, let next = first(), next.at <= now {
            queue.removeFirst()
            turns[next.taskID] = nil
            guard let copy = copies[next.taskID] else { continue }
            underWay.insert(next.taskID)
            if isBlocked { probe = next.taskID }
            due.append(copy)
        }
        return due
    }

    /// After a rest one at a time.
    private var most: Int { isBlocked ? 1 : Limits.copiesUnderWay }

    /// When there may be something to begin; nil where nothing waits, or for another to end.
    mutating func nextDueAt() -> Instant? {
        guard underWay.count < most, let next = first() else { return nil }
        return max(next.at, restsUntil ?? next.at)
    }

    /// Takes out what waits beyond its time for a store that takes nothing.
    mutating func takeExpired(now: Instant) -> [VideoCopy] {
        guard isBlocked else { return [] }
        let expired = copies.values.filter { $0.giveUpAt <= now && !underWay.contains($0.task.taskID) }
        for copy in expired { forget(copy.task.taskID) }
        return expired
    }

    /// A try ended with a video. Nil where the task has another id by now, which is copied next.
    ///
    /// What was begun before the store took nothing says nothing of it: others may have made room for it.
    mutating func succeeded(_ copy: VideoCopy, now: Instant) -> VideoCopy? {
        underWay.remove(copy.task.taskID)
        if probe == copy.task.taskID {
            restsUntil = nil
            probe = nil
        }
        guard let current = current(copy, now: now) else { return nil }
        forget(copy.task.taskID)
        return current
    }

    /// Decides on a try that failed. Nil where the task has another id by now.
    mutating func failed(_ copy: VideoCopy, _ fault: VideoFault, now: Instant) -> Decision? {
        let taskID = copy.task.taskID
        underWay.remove(taskID)
        guard var current = current(copy, now: now) else { return nil }
        switch fault {
        case .store:
            restsUntil = now + .seconds(Limits.storePauseSeconds)
            probe = nil
            line(up: taskID, at: now)
            return now < current.giveUpAt ? .again(counts: false) : giveUp(taskID, fault)
        case .crowded:
            line(up: taskID, at: now + .milliseconds(500))
            return .again(counts: false)
        case .tooLarge: return giveUp(taskID, fault)
        case .missing:
            current.misses += 1
            guard current.misses < Limits.copyTries else { return giveUp(taskID, fault) }
        case .line, .otherRest: break
        }
        guard now < current.giveUpAt else { return giveUp(taskID, fault) }
        current.attempts += 1
        copies[taskID] = current
        let pause = Duration.seconds(Backoff.seconds(attempt: current.attempts)) / Int(rate)
        // The last try comes at the end and not after it.
        line(up: taskID, at: min(now + pause, current.giveUpAt))
        return .again(counts: true)
    }

    /// The provider names another address.
    mutating func moved(_ copy: VideoCopy, to url: String) {
        guard copies[copy.task.taskID]?.task == copy.task else { return }
        copies[copy.task.taskID]?.url = url
    }

    private mutating func giveUp(_ taskID: String, _ fault: VideoFault) -> Decision {
        forget(taskID)
        return .giveUp(fault.sentence)
    }

    private mutating func current(_ copy: VideoCopy, now: Instant) -> VideoCopy? {
        guard let current = copies[copy.task.taskID] else { return nil }
        guard current.task.providerTaskID == copy.task.providerTaskID else {
            line(up: copy.task.taskID, at: now)
            return nil
        }
        return current
    }

    private mutating func forget(_ taskID: String) {
        copies[taskID] = nil
        turns[taskID] = nil
    }

    private mutating func line(up taskID: String, at instant: Instant) {
        turn += 1
        turns[taskID] = turn
        queue.push(.init(at: instant, turn: turn, taskID: taskID))
    }

    private mutating func first() -> DueQueue.Turn? {
        while let next = queue.first {
            if turns[next.taskID] == next.turn { return next }
            queue.removeFirst()
        }
        return nil
    }
}
