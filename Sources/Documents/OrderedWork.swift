import Foundation

/// Work that one other thread does, piece after piece in the order in which it is handed over, while the thread that
/// hands it over goes on. Only a few pieces wait at a time: whoever is ahead of that waits too.
///
/// `@unchecked Sendable`: results and failure are read and written under the lock.
package final class OrderedWork<Result>: @unchecked Sendable {
    private let queue = DispatchQueue(label: "daybook.ordered-work")
    private let room: DispatchSemaphore
    private let lock = NSLock()
    private var results: [Result] = []
    private var failure: (any Error)?

    /// Takes a piece to the other thread. Whoever hands it over has no more use for what is in it.
    private struct Piece: @unchecked Sendable {
        let run: () throws -> Result
    }

    /// - Parameter ahead: Pieces that may wait.
    package init(ahead: Int) {
        room = DispatchSemaphore(value: ahead)
    }

    /// Hands over a piece. After one that failed no other runs: then it throws what that one threw.
    package func add(_ run: @escaping () throws -> Result) throws {
        let piece = Piece(run: run)
        room.wait()
        if let failure = lock.withLock({ failure }) {
            room.signal()
            throw failure
        }
        queue.async { [self] in
            defer { room.signal() }
            guard lock.withLock({ failure == nil }) else { return }
            do {
                let result = try piece.run()
                lock.withLock { results.append(result) }
            } catch {
                lock.withLock { failure = error }
            }
        }
    }

    /// Takes what the pieces that are done by now gave, in their order; nothing of them is kept here.
    package func take() -> [Result] {
        lock.withLock {
            defer { results = [] }
            return results
        }
    }

    /// Waits for all pieces, and takes what is left of what they gave. Throws what the first one that failed threw.
    package func finish() throws -> [Result] {
        queue.sync {}
        if let failure = lock.withLock({ failure }) { throw failure }
        return take()
    }

    /// Waits for all pieces, whatever became of them.
    package func wait() { queue.sync {} }
}
