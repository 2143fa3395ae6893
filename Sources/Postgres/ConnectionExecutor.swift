internal import Dispatch

/// A serial executor of one connection's own, so that calls that block wait
/// on a thread of Dispatch's and never on one of Swift's cooperative pool.
///
/// Dispatch starts further threads while others block (up to 255), so
/// connections do not wait for each other.
final class ConnectionExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "daybook.postgres.connection")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
