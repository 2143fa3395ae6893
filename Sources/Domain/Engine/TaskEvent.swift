/// Something that happens to a task.
public enum TaskEvent: Sendable, Hashable, CaseIterable {
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
    public func after(_ event: TaskEvent) -> TaskState? {
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

    /// Every state from which an event leads somewhere: what a compare-and-swap compares with.
    public static func states(before event: TaskEvent) -> [TaskState] {
        allCases.filter { $0.after(event) != nil }
    }
}
