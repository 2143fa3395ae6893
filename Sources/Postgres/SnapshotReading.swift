internal import Dispatch
internal import Synchronization

/// One read: who takes part in it, what each gave, and why it ended early.
final class SnapshotReading<Part: Sendable>: Sendable {
    private struct State {
        /// The helpers that have the snapshot, each with what lets it go on.
        var arrived: [Int: DispatchSemaphore] = [:]
        /// The part of each of them, once all have come or failed to.
        var parts: [Int: Int] = [:]
        var results: [Int: Part] = [:]
        var cause: (any Error)?
        var isHalted = false
        var halts: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let arrivals = DispatchGroup()
    private let endings = DispatchGroup()

    /// Has something called when the read ends early; at once where it has.
    func whenHalted(_ halt: @escaping @Sendable () -> Void) {
        let isHalted = state.withLock { state in
            state.halts.append(halt)
            return state.isHalted
        }
        if isHalted { halt() }
    }

    /// Stops everybody who takes part.
    func halt() {
        let halts = state.withLock { state in
            state.isHalted = true
            return state.halts
        }
        for halt in halts { halt() }
    }

    private func fail(_ error: any Error) {
        state.withLock { state in
            if state.cause == nil { state.cause = error }
        }
        halt()
    }

    /// Starts a helper. It calls `arrive` once it has the snapshot, and is told there which part is its own.
    func start(
        _ index: Int, _ helper: Connection,
        _ body: @Sendable @escaping (Session, _ arrive: () -> (part: Int, parts: Int)) throws -> Part
    ) {
        arrivals.enter()
        endings.enter()
        let task = Task {
            let hasArrived = Atomic(false)
            do {
                let result: (part: Int, value: Part)? = try await helper.run { session in
                    var part = 0
                    do {
                        let value = try body(session) {
                            hasArrived.store(true, ordering: .relaxed)
                            let place = self.arrive(index)
                            part = place.part
                            return place
                        }
                        return (part, value)
                    } catch {
                        let isIn = hasArrived.load(ordering: .relaxed)
                        guard !isIn, Self.isDispensable(error, isPooled: session.isPooled) else { throw error }
                        return nil
                    }
                }
                if let result { state.withLock { $0.results[result.part] = result.value } }
            } catch {
                fail(error)
            }
            if !hasArrived.load(ordering: .relaxed) { arrivals.leave() }
            endings.leave()
        }
        whenHalted { task.cancel() }
    }

    /// True where a helper that has not got the snapshot is not needed: it goes on without it. One that was lost is an
    /// error, but behind a pooler, which ends whom it has no session for.
    private static func isDispensable(_ error: any Error, isPooled: Bool) -> Bool {
        guard let error = error as? PostgresError else { return error is SharedSnapshot.Elsewhere }
        guard error.code != .cancelled else { return false }
        return isPooled || [.server, .closed].contains(error.code)
    }

    /// Waits for the others, and says which part of how many is a helper's.
    private func arrive(_ index: Int) -> (part: Int, parts: Int) {
        let go = DispatchSemaphore(value: 0)
        state.withLock { $0.arrived[index] = go }
        arrivals.leave()
        go.wait()
        return state.withLock { ($0.parts[index] ?? 0, $0.parts.count + 1) }
    }

    /// Reads the first part, waits for the others, and returns them all.
    func finish(_ body: (_ parts: Int) throws -> Part) throws -> [Part] {
        arrivals.wait()
        let (helpers, isHalted) = state.withLock { state in
            for (place, index) in state.arrived.keys.sorted().enumerated() { state.parts[index] = place + 1 }
            return (Array(state.arrived.values), state.isHalted)
        }
        for go in helpers { go.signal() }
        do {
            guard !isHalted else { throw PostgresError(.cancelled, "Reading was stopped before it began.") }
            let result = try body(helpers.count + 1)
            state.withLock { $0.results[0] = result }
        } catch {
            fail(error)
        }
        endings.wait()
        return try state.withLock { state in
            if let cause = state.cause { throw cause }
            return state.results.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
