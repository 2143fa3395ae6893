import Domain
import Postgres

/// How a worker that fails begins again: later each time, and without a row for each try.
///
/// An incarnation needs a number that nobody ever had, because a transaction of the one before may still be under way.
/// But one that fails soon after its start is no part of the history: its row goes when the next one begins.
struct WorkerStarts {
    /// An incarnation that failed soon after its start.
    struct Failed: Sendable {
        let worker: Int64
        let endedAt: ContinuousClock.Instant
    }

    /// An incarnation that lived for so long is a success: what ends it then is another failure.
    private static let successAfter = Duration.seconds(10)
    private static let shortestPause = Duration.milliseconds(500)
    private static let longestPause = Duration.seconds(5)

    private var failed: [Failed] = []
    private var failures = 0
    private var causes: (text: String, at: ContinuousClock.Instant)?

    /// Incarnations whose things can be given to others at once: nothing that they sent is under way, or they have
    /// been silent for long enough to be declared dead.
    func over(isIdle: Bool, silence: Duration, now: ContinuousClock.Instant) -> [Int64] {
        failed.filter { isIdle || now - $0.endedAt > silence }.map(\.worker)
    }

    /// The rows of these incarnations are gone.
    mutating func forget(_ workers: [Int64]) {
        failed.removeAll { workers.contains($0.worker) }
    }

    /// An incarnation, or the try to begin one, failed; gives the pause before the next.
    mutating func note(_ worker: Int64?, begunAt: ContinuousClock.Instant, now: ContinuousClock.Instant) -> Duration {
        if now - begunAt > Self.successAfter {
            failures = 0
        } else if let worker {
            failed.append(Failed(worker: worker, endedAt: now))
        }
        failures = min(failures + 1, 10)
        return min(Self.shortestPause * (1 << (failures - 1)), Self.longestPause)
    }

    /// True where a cause has not been said lately: once a minute is often enough for the same one.
    mutating func isNews(_ cause: String, now: ContinuousClock.Instant) -> Bool {
        if let causes, causes.text == cause, now - causes.at < .seconds(60) { return false }
        causes = (cause, now)
        return true
    }
}

extension WorkQueue {
    /// A fresh incarnation in place of others of the same process, which failed as soon as they had begun: what they
    /// have goes to others, and their rows go.
    func register(host: String, processID: Int32, inPlaceOf failed: [Int64]) throws -> Int64 {
        for worker in failed { try leave(worker) }
        if !failed.isEmpty {
            _ = try session.query(
                "DELETE FROM daybook.worker WHERE worker_id = ANY ($1) AND state <> 'live' RETURNING worker_id",
                [.ints(failed)])
        }
        return try register(host: host, processID: processID)
    }
}
