internal import Domain
internal import Postgres
internal import Schema

/// A trial of a purge, undone again: its own statement on the first page of each table on which something is due and on
/// those where a constraint may be against it, and the dropping of each month that would go whole.
///
/// What a deployment's triggers, constraints and rights have against it is found before the first row is gone, not
/// after one class of two.
struct Trial: Sendable {
    let plan: RetentionPlan
    let settings: PurgeSettings

    /// Undoes the trial's transaction.
    private struct Undone: Error {}

    /// Throws why the purge could not go on in the end. What is locked or too slow now is no reason.
    func run(_ connection: DirectConnection) async throws {
        do {
            try await Uninterrupted.transaction(connection) { session in
                try attempt(session)
                throw Undone()
            }
        } catch is Undone {
            return
        }
    }

    private func attempt(_ session: Session) throws {
        let shape = try DeploymentShape(session)
        let run = try PurgeRun.record(plan, settings, isTrial: true, session)
        let due = Set(plan.lines.filter { $0.dueRows > 0 }.map(\.dataClass))
        for dataClass in shape.classes where due.contains(dataClass) {
            let statement = try SweepStatement(dataClass, shape, run.terms, session)
            var untouched = Set(plan.wholePartitions)
            if dataClass == .accessLog { untouched.formUnion(try WholePartitions.kept(session, shape, run.terms)) }
            for relation in try TableName.leaves(of: DeploymentShape.table(dataClass).fullName, session)
            where !untouched.contains(relation) {
                try undone(session) {
                    guard let first = try statement.firstPage(run: run.id, relation: relation, session) else { return }
                    let risky = try RiskyPages(
                        statement: statement, run: run.id, relation: relation, session: session
                    ).find()
                    try attempt(statement, [first] + risky.filter { $0 != first }, relation, run, session)
                }
            }
        }
        for month in plan.wholePartitions { try undone(session) { try attempt(month, session) } }
    }

    /// Undoes what it does, so that nothing else is tried on its leavings. What is passing is no reason.
    private func undone(_ session: Session, _ body: () throws -> Void) throws {
        do {
            try session.savepoint {
                try body()
                throw Undone()
            }
        } catch is Undone {
            return
        } catch let error as PostgresError where SweepFailure.isPassing(error) {
            return
        }
    }

    private func attempt(_ month: String, _ session: Session) throws {
        do {
            try session.savepoint { try PartitionDrop.rehearse(month, session) }
        } catch let error as PostgresError {
            guard let reason = try PartitionDrop.explain(error, month, session) else { throw error }
            throw DaybookError(
                reason.kind, reason.sentence + " A trial found it; nothing was purged.", debugText: reason.debugText)
        }
    }

    private func attempt(
        _ statement: SweepStatement, _ pages: [Int64], _ relation: String, _ run: PurgeRun, _ session: Session
    ) throws {
        do {
            try SweepStep.prepare(session)
            for page in pages {
                let sql = statement.sql(
                    run: run.id, relation: relation, pages: page..<(page + 1), counts: true, rests: .none, session)
                guard try session.query(sql)[0].int("taken") > 0 else {
                    throw DaybookError.badData(
                        "A trigger of \(relation) keeps rows that are due from going. Nothing was purged.")
                }
            }
            // Constraints and triggers that would wait for the COMMIT.
            try session.executeScript("SET CONSTRAINTS ALL IMMEDIATE")
            try RetentionSession.restorePath(session)
        } catch let error as PostgresError {
            guard let reason = SweepFailure.explain(error, relation) else { throw error }
            throw DaybookError(
                reason.kind, reason.sentence + " A trial on the first rows found it; nothing was purged.",
                debugText: String(reflecting: error))
        }
    }
}
