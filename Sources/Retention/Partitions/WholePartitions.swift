internal import Domain
internal import Foundation
internal import Postgres
internal import Schema

/// Partitions of our own access log that are due whole, for everybody, with no hold.
enum WholePartitions {
    /// One partition.
    struct Partition: Sendable {
        /// `public.video_external_access_log_2026_04`.
        let name: String
        let bounds: String
        /// True if the session's login owns it and its table.
        let mayBeDropped: Bool
    }

    /// Those whose upper bound no cutoff is before. A row in them is due whoever owns it.
    ///
    /// With any hold in force that covers a row of it, a partition is swept like any other table; so is one that the
    /// login may not drop.
    static func find(_ session: Session, _ shape: DeploymentShape, _ terms: Terms) throws -> [Partition] {
        try due(session, shape, terms).filter(\.mayBeDropped)
    }

    /// The same with those that the login may not drop.
    static func due(_ session: Session, _ shape: DeploymentShape, _ terms: Terms) throws -> [Partition] {
        guard terms.isOfEverybody, let earliest = terms.of(.accessLog).map(\.cutoff).min() else { return [] }
        let query = ClassQuery(.accessLog, shape)
        return try months(session, shape, "\(Self.end) <= $1", earliest).filter {
            try !holds(any: $0.name, query, session)
        }
    }

    /// Those in which no row can be due, by a policy or because an erasure is owed it.
    static func kept(_ session: Session, _ shape: DeploymentShape, _ terms: Terms) throws -> Set<String> {
        let ends = terms.of(.accessLog).map(\.cutoff) + terms.owed.map(\.before)
        guard let latest = ends.max() else { return [] }
        return Set(try months(session, shape, "\(Self.start) >= $1", latest).map(\.name))
    }

    /// All months that there are.
    static func all(_ session: Session, _ shape: DeploymentShape) throws -> [Partition] {
        try months(session, shape, "\(Self.end) <= $1", .distantFuture)
    }

    private static let start = "substring(b.text FROM 'FROM \\(''([^'']+)''\\)')::timestamptz"
    private static let end = "substring(b.text FROM 'TO \\(''([^'']+)''\\)')::timestamptz"

    private static func months(
        _ session: Session, _ shape: DeploymentShape, _ condition: String, _ instant: Instant
    ) throws -> [Partition] {
        guard shape.isOwn, shape.catalog.has(.accessLog) else { return [] }
        return try session.query(
            """
            SELECT n.nspname || '.' || c.relname AS name, b.text AS bounds, \(MonthObstacles.mayDrop) AS may_be_dropped
            FROM pg_inherits AS i
            JOIN pg_class AS c ON c.oid = i.inhrelid
            JOIN pg_class AS p ON p.oid = i.inhparent
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            CROSS JOIN LATERAL pg_get_expr(c.relpartbound, c.oid) AS b (text)
            WHERE i.inhparent = to_regclass($2) AND c.relkind = 'r' AND NOT i.inhdetachpending AND \(condition)
            ORDER BY c.relname COLLATE "C"
            """, [.instant(instant), .text(PartitionDrop.parent)]
        ).map { row in
            Partition(
                name: try row.text("name"), bounds: try row.text("bounds"),
                mayBeDropped: try row.bool("may_be_dropped"))
        }
    }

    /// True if a hold covers a row of the partition.
    static func holds(any name: String, _ query: ClassQuery, _ session: Session) throws -> Bool {
        let active = try session.query(
            """
            SELECT EXISTS (SELECT FROM daybook.held_owner) OR EXISTS (SELECT FROM daybook.held_batch)
                OR EXISTS (SELECT FROM daybook.held_video) AS any
            """)
        guard try active[0].bool("any") else { return false }
        let held = try session.query(
            """
            SELECT EXISTS (
                SELECT FROM \(TableName.quoted(name, session)) AS r \(query.joins) WHERE \(query.isHeld)
            ) AS held
            """)
        return try held[0].bool("held")
    }
}

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
                    try RunRecord.note(isGone ? .done : .sweeping, run.id, .accessLog, month.relation, session)
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
                    + "its owner, then: \(NextStep.resume)", debugText: String(reflecting: error))
        }
    }
}

/// A month that a purge detached and did not drop, as earlier versions did in two transactions: it is in no report
/// until it is given back.
struct DetachedMonth: Sendable {
    let run: Int64
    /// `public.video_external_access_log_2026_01`.
    let relation: String
    let fate: Fate

    /// What has become of it meanwhile.
    enum Fate: Sendable {
        case detached
        /// Somebody attached it again.
        case attached
        /// Somebody dropped it.
        case gone
    }

    /// Those that are on record.
    static func all(_ session: Session) throws -> [DetachedMonth] {
        try session.query(
            """
            SELECT run_id, relation FROM daybook.purge_sweep WHERE state = 'detached'
            ORDER BY run_id, relation COLLATE "C"
            """
        ).map { row in
            let relation = try row.text("relation")
            let place = try session.query(
                "SELECT relispartition FROM pg_class WHERE oid = to_regclass($1)",
                [.text(TableName.quoted(relation, session))])
            let fate: Fate =
                if let row = place.first { try row.bool("relispartition") ? .attached : .detached } else { .gone }
            return DetachedMonth(run: try row.int("run_id"), relation: relation, fate: fate)
        }
    }

    /// A sentence per month, for who asks what is wrong with a database.
    static func findings(_ session: Session) throws -> [String] {
        let may = try session.query("SELECT has_table_privilege('daybook.purge_sweep', 'SELECT') AS may")
        guard try may[0].bool("may") else { return [] }
        return try all(session).filter { $0.fate == .detached }.map { month in
            "Purge \(month.run) detached \(month.relation) and ended before its drop, so its rows are in no report. "
                + "Give it back with: \(NextStep.resume)"
        }
    }
}
