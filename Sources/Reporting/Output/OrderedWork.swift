import Foundation

/// Work that one other thread does, piece after piece in the order in which it is handed over, while the thread that
/// hands it over goes on. Only a few pieces wait at a time: whoever is ahead of that waits too.
///
/// `@unchecked Sendable`: what changes is read and written on the queue alone.
final class OrderedWork<Result>: @unchecked Sendable {
    private let queue = DispatchQueue(label: "daybook.ordered-work")
    private let room: DispatchSemaphore
    private var results: [Result] = []
    private var failure: (any Error)?

    /// Takes a piece to the other thread. Whoever hands it over has no more use for what is in it.
    private struct Piece: @unchecked Sendable {
        let run: () throws -> Result
    }

    /// - Parameter ahead: Pieces that may wait.
    init(ahead: Int) {
        room = DispatchSemaphore(value: ahead)
    }

    /// Hands over a piece. After one that failed no other runs.
    func add(_ run: @escaping () throws -> Result) {
        let piece = Piece(run: run)
        room.wait()
        queue.async { [self] in
            defer { room.signal() }
            guard failure == nil else { return }
            do {
                results.append(try piece.run())
            } catch {
                failure = error
            }
        }
    }

    /// Waits for all pieces. Throws what the first one that failed threw.
    func finish() throws -> [Result] {
        try queue.sync {
            if let failure { throw failure }
            return results
        }
    }

    /// Waits for all pieces, whatever became of them.
    func wait() { queue.sync {} }
}
