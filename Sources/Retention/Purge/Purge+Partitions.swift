internal import Domain
internal import Foundation
internal import Postgres

extension Purge {
    /// False if it was asked to stop.
    func dropWholePartitions(
        _ run: PurgeRun, _ dataClass: DataClass, _ shape: DeploymentShape
    ) async throws -> Bool {
        guard dataClass == .accessLog else { return true }
        let whole = try await Uninterrupted.run(connection) { try WholePartitions.find($0, shape, run.terms) }
        let drop = PartitionDrop(
            run: run, query: ClassQuery(.accessLog, shape), key: key(run), rests: settings.pauses.rests)
        for partition in whole {
            guard !Task.isCancelled else { return false }
            tell(.step("detaching \(partition.name)"))
            // A partition that is in use stays where it is and is swept like any other table.
            _ = try? await Uninterrupted.changing(connection) { try drop.detach(partition, $0) }
        }
        let detached = try await Uninterrupted.run(connection) { session in
            try RunRecord.sweeps(run.id, .accessLog, state: "detached", session)
        }
        let unlimited = TransactionOptions(
            statementTimeoutMilliseconds: 0, lockTimeoutMilliseconds: Limits.purgeStatementMilliseconds)
        for relation in detached {
            guard !Task.isCancelled else { return false }
            tell(.step("archiving and dropping \(relation)"))
            do {
                try await Uninterrupted.changing(connection, unlimited) { session in
                    guard try drop.finish(relation, session) else { throw HeldAfterAll() }
                }
            } catch is HeldAfterAll {
                // Undone as a whole; the file of the undone transaction goes too.
                let recorded = try await Uninterrupted.run(connection) { try RunRecord.recordedFiles(run.id, $0) }
                run.archive?.removeUnrecorded(recorded)
                try await attachAgain(relation, run)
            }
        }
        return true
    }

    /// Gives back what was detached and not dropped, where a run ends before its end.
    func attachDetached(_ run: PurgeRun) async throws {
        let detached = try await Uninterrupted.run(connection) { session in
            try RunRecord.sweeps(run.id, .accessLog, state: "detached", session)
        }
        for relation in detached {
            tell(.step("attaching \(relation) again"))
            try await attachAgain(relation, run)
        }
    }

    /// Gives a partition back: what takes long with nobody waiting, then quickly, and again while the log is in use.
    private func attachAgain(_ relation: String, _ run: PurgeRun) async throws {
        let options = TransactionOptions(
            statementTimeoutMilliseconds: 0, lockTimeoutMilliseconds: Limits.purgeLockMilliseconds)
        try await Uninterrupted.changing(connection, options) {
            try PartitionDrop.prepareAttaching(relation, run, $0)
        }
        for refusals in 1... {
            do {
                return try await Uninterrupted.changing(connection, options) {
                    try PartitionDrop.attachAgain(relation, run, $0)
                }
            } catch let error as PostgresError where SweepFailure.isPassing(error) {
                let what = "The access log was in use, when \(relation) was to be given back to it,"
                try await SweepFailure.wait(after: refusals, what, error)
            }
        }
    }

    /// A hold came to cover a partition between its detaching and its drop.
    private struct HeldAfterAll: Error {}
}
