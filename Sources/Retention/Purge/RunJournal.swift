internal import Domain
internal import Postgres
internal import Synchronization

/// What a purge knows of what it has committed, added to where each deleting transaction commits.
///
/// The database is what counts and is asked in the end; this is for the end at which nobody answers.
final class RunJournal: Sendable {
    private let tally = Mutex<RunTally?>(nil)

    /// Nil before a run has a number.
    var known: RunTally? { tally.withLock { $0 } }

    /// A run has its number, and may be committed from now on.
    func begin(_ run: Int64) { tally.withLock { $0 = RunTally(run: run) } }

    /// What the database has of it.
    func set(_ read: RunTally?) {
        guard let read else { return }
        tally.withLock { $0 = read }
    }

    /// A transaction that took so many rows was committed.
    func add(_ rows: Int64, of dataClass: DataClass) {
        tally.withLock { $0?.rows[dataClass.rawValue, default: 0] += rows }
    }

    /// The run was certified.
    func certify(_ sequence: Int64) { tally.withLock { $0?.certificate = sequence } }
}
