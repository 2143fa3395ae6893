import Synchronization

/// Says to work that must not be cancelled half way that it is to end when it can.
final class CancellationFlag: Sendable {
    private let flag = Mutex(false)

    var isSet: Bool { flag.withLock(\.self) }

    func set() { flag.withLock { $0 = true } }
}
