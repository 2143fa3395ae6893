internal import Domain
internal import Foundation
internal import Postgres

extension Purge {
    /// Takes the months that are due whole, each in one transaction.
    func dropWholePartitions(_ run: PurgeRun, _ dataClass: DataClass, _ shape: DeploymentShape) async throws {
        guard dataClass == .accessLog else { return }
        let whole = try await Uninterrupted.run(connection) { try WholePartitions.find($0, shape, run.terms) }
        let drop = PartitionDrop(
            run: run, query: ClassQuery(.accessLog, shape), key: key(run), rests: settings.pauses.rests)
        for partition in whole {
            try Task.checkCancellation()
            tell(.step("archiving and dropping \(partition.name)"))
            do {
                try await Uninterrupted.changing(connection, Self.unhurried) { try drop.drop(partition, $0) }
                try await note(run)
            } catch is PartitionDrop.Bound {
                // Undone as a whole: it is swept like any other table.
                try await forgetUnrecorded(run)
            } catch let error as PostgresError {
                guard SweepFailure.isPassing(error) else { throw try await explained(error, partition.name, run) }
                tell(.step("\(partition.name) is in use: its rows go one by one"))
                try await forgetUnrecorded(run)
            }
        }
    }

    /// Transactions that may take their time, but not over a lock for which others wait.
    private static let unhurried = TransactionOptions(
        statementTimeoutMilliseconds: 0, lockTimeoutMilliseconds: Limits.purgeLockMilliseconds)

    private func explained(_ error: PostgresError, _ month: String, _ run: PurgeRun) async throws -> any Error {
        guard error.code == .server else { return error }
        try await forgetUnrecorded(run)
        return try await Uninterrupted.run(connection) { try PartitionDrop.explain(error, month, $0) } ?? error
    }

    /// The file of a transaction that was undone goes too.
    private func forgetUnrecorded(_ run: PurgeRun) async throws {
        let recorded = try await Uninterrupted.run(connection) { try RunRecord.recordedFiles(run.id, $0) }
        run.archive?.removeUnrecorded(recorded)
    }

    /// Gives back every month that an earlier version detached and did not drop. Nothing of it was archived or counted
    /// yet: it is due as it was before, and is dropped or swept like the others.
    func giveBackDetached(_ run: PurgeRun) async throws {
        let months = try await Uninterrupted.run(connection) { try DetachedMonth.all($0) }
        for month in months where month.run == run.id {
            if month.fate == .detached {
                tell(.step("attaching \(month.relation) again"))
                try await attachAgain(month.relation, run)
            } else {
                let isGone = month.fate == .gone
                if isGone { tell(.step("\(month.relation), which was detached, is there no more")) }
                try await Uninterrupted.changing(connection) { session in
                    try session.executeScript("SET LOCAL ROLE NONE")
                    try PartitionDrop.note(isGone ? "done" : "sweeping", month.relation, run, session)
                }
            }
        }
    }

    /// Gives a partition back: what takes long with nobody waiting, then quickly, and again while the log is in use.
    private func attachAgain(_ relation: String, _ run: PurgeRun) async throws {
        do {
            try await Uninterrupted.changing(connection, Self.unhurried) {
                try PartitionDrop.prepareAttaching(relation, run, $0)
            }
            for refusals in 1... {
                do {
                    return try await Uninterrupted.changing(connection, Self.unhurried) {
                        try PartitionDrop.attachAgain(relation, run, $0)
                    }
                } catch let error as PostgresError where SweepFailure.isPassing(error) {
                    let what = "The access log was in use, when \(relation) was to be given back to it,"
                    try await SweepFailure.wait(after: refusals, what, error)
                }
            }
        } catch let error as PostgresError where error.code == .server {
            throw DaybookError(
                .configuration,
                "\(relation), which an earlier purge detached, cannot be given back to the access log, and its rows "
                    + "are in no report until then: \(error.message ?? error.sentence). Change what is in the way, as "
                    + "its owner, then: daybook retention purge --resume", debugText: String(reflecting: error))
        }
    }
}
