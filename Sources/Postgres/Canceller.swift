internal import CLibPQ
internal import Dispatch
internal import Glibc
internal import Synchronization

/// Carries cancellations from any thread to the server, each to the run it is
/// meant for and never to a later one.
///
/// A request to the server blocks, so it is sent from a queue of its own. It
/// is sent under the lock that the end of a run takes as well: once a run has
/// ended, nothing more is sent for it.
final class Canceller: Sendable {
    private struct State: ~Copyable {
        var request: CancelRequest?
        /// Counts the runs; the last one started.
        var run: UInt64 = 0
        var isRunning = false
        /// True while what runs must not be cancelled, a rollback for instance.
        var isShielded = false
        /// True once the run was cancelled, not a part of it alone.
        var isCancelled = false
        /// Counts the parts; the last one started.
        var part: UInt64 = 0
        /// What else ends when the run is cancelled; nil where no part runs.
        var onCancel: (@Sendable () -> Void)?
        /// Nil until somebody watches it.
        var alarm: Alarm?
    }

    private let state = Mutex(State())
    private let asked = Atomic(false)
    /// The number of the run that runs, 0 where none does: to be read without waiting for a request under way.
    private let current = Atomic<UInt64>(0)
    /// Serial, because Dispatch gives serial queues threads beyond those of
    /// Swift's cooperative pool, which a concurrent queue would share.
    private let queue = DispatchQueue(label: "daybook.postgres.cancel")
    /// A cancellation that reaches the server before the statement does is
    /// lost, so it is repeated until the run ends.
    private static let repeatSeconds = 0.25

    /// True once the current run, or the part of it that runs, was asked to stop.
    var isAsked: Bool { asked.load(ordering: .relaxed) }

    /// Takes over what cancellations of this connection need, nil once it is closed.
    func attach(_ request: consuming sending CancelRequest?) {
        var request: CancelRequest? = consume request
        state.withLock { $0.request = request.take() }
    }

    /// What a wait for the connection's socket watches besides: a descriptor that can be read from once the run was
    /// asked to stop. Nil where the process has none to spare.
    func alarmDescriptor() -> Int32? {
        state.withLock { state in
            if state.alarm == nil { state.alarm = Alarm() }
            if state.isCancelled { state.alarm?.ring() }
            return state.alarm?.descriptor
        }
    }

    /// Starts a run and returns its number.
    func begin() -> UInt64 {
        state.withLock { state in
            state.run += 1
            state.isRunning = true
            state.isCancelled = false
            asked.store(false, ordering: .relaxed)
            state.alarm?.silence()
            current.store(state.run, ordering: .relaxed)
            return state.run
        }
    }

    /// Ends the run, after a request to the server that is on its way.
    func end() {
        state.withLock { state in
            state.isRunning = false
            current.store(0, ordering: .relaxed)
            asked.store(false, ordering: .relaxed)
        }
    }

    /// Stops a run: statements that have not begun are refused, the one that
    /// runs is cancelled on the server.
    ///
    /// Returns at once.
    func cancel(run: UInt64) {
        queue.async { self.deliver(run) }
    }

    /// Asks the server to cancel whatever runs now, once: nothing that begins before the request goes.
    ///
    /// Returns at once.
    func cancelCurrent() {
        let run = current.load(ordering: .relaxed)
        queue.async {
            self.state.withLock { state in
                guard state.isRunning, state.run == run, !state.isShielded else { return }
                state.request?.send()
            }
        }
    }

    /// Asks the server from the connection's own thread, and waits until it has been told.
    func sendNow() {
        state.withLock { $0.request?.send() }
    }

    /// Runs the body with no cancellation sent meanwhile.
    func withShield<Result>(_ body: () throws -> Result) rethrows -> Result {
        state.withLock { $0.isShielded = true }
        defer { state.withLock { $0.isShielded = false } }
        return try body()
    }

    /// Runs a part of the current run, which can be stopped by itself: by `halt`, from any thread; it returns at once.
    /// What runs after it is not touched by that.
    ///
    /// `onCancel` is called when the run is cancelled meanwhile, or was before.
    func withPart<Result>(
        onCancel: @escaping @Sendable () -> Void, _ body: (_ halt: @escaping @Sendable () -> Void) throws -> Result
    ) rethrows -> Result {
        let (part, isCancelled) = state.withLock { state in
            state.part += 1
            state.onCancel = onCancel
            return (state.part, state.isCancelled)
        }
        defer {
            state.withLock { state in
                state.onCancel = nil
                asked.store(state.isCancelled, ordering: .relaxed)
            }
        }
        if isCancelled { onCancel() }
        return try body { self.queue.async { self.deliver(toPart: part) } }
    }

    private func deliver(_ run: UInt64) {
        let (isRunning, onCancel) = state.withLock { state in
            guard state.isRunning, state.run == run else { return (false, nil as (@Sendable () -> Void)?) }
            state.isCancelled = true
            ask(&state)
            return (true, state.onCancel)
        }
        guard isRunning else { return }
        onCancel?()
        queue.asyncAfter(deadline: .now() + Self.repeatSeconds) { self.deliver(run) }
    }

    private func deliver(toPart part: UInt64) {
        let isRunning = state.withLock { state in
            guard state.onCancel != nil, state.part == part else { return false }
            ask(&state)
            return true
        }
        guard isRunning else { return }
        queue.asyncAfter(deadline: .now() + Self.repeatSeconds) { self.deliver(toPart: part) }
    }

    private func ask(_ state: inout State) {
        asked.store(true, ordering: .relaxed)
        state.alarm?.ring()
        if !state.isShielded { state.request?.send() }
    }
}

/// The owner of libpq's copy of what a cancellation needs.
///
/// `@unchecked Sendable`: a `PGcancel` is never changed after `PQgetCancel`,
/// and libpq documents `PQcancel` as safe on any thread and in signal handlers.
struct CancelRequest: ~Copyable, @unchecked Sendable {
    private let pointer: OpaquePointer

    /// Nil where the connection is not open or memory is short.
    init?(_ connection: OpaquePointer) {
        guard let pointer = PQgetCancel(connection) else { return nil }
        self.pointer = pointer
    }

    deinit {
        PQfreeCancel(pointer)
    }

    /// Connects to the server, asks it to cancel what the connection runs and
    /// waits until it has been told.
    ///
    /// Blocks.
    func send() {
        var failure = [CChar](repeating: 0, count: 256)
        // A failure leaves the statement running, and it is asked again; see ``Canceller``.
        _ = PQcancel(pointer, &failure, Int32(failure.count))
    }
}

/// A pipe that can be read from once it has rung.
private final class Alarm: Sendable {
    let descriptor: Int32
    private let other: Int32

    init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        (descriptor, other) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(descriptor)
        close(other)
    }

    func ring() {
        // A pipe that is full has rung before.
        _ = write(other, [1], 1)
    }

    func silence() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(descriptor, &bytes, bytes.count) > 0 {}
    }
}
