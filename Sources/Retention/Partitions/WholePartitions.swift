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
                try await run.forgetUnrecorded(connection)
            } catch let error as PostgresError {
                guard SweepFailure.isPassing(error) else { throw try await explained(error, partition.name, run) }
                tell(.step("\(partition.name) is in use: its rows go one by one"))
                try await run.forgetUnrecorded(connection)
            }
        }
    }

    /// Transactions that may take their time, but not over a lock for which others wait.
    static let unhurried = TransactionOptions(
        statementTimeoutMilliseconds: 0, lockTimeoutMilliseconds: Limits.purgeLockMilliseconds)

    private func explained(_ error: PostgresError, _ month: String, _ run: PurgeRun) async throws -> any Error {
        guard error.code == .server else { return error }
        try await run.forgetUnrecorded(connection)
        return try await Uninterrupted.run(connection) { try PartitionDrop.explain(error, month, $0) } ?? error
    }
}

/// Takes a partition that is due whole: archived, counted, detached and dropped in one transaction, in which others
/// wait for its last moment alone. No month is ever detached and still there.
struct PartitionDrop: Sendable {
    let run: PurgeRun
    let query: ClassQuery
    let key: [UInt8]?
    /// False archives and counts as fast as it can, whoever else is at work.
    let rests: Bool
    static let parent = "public.video_external_access_log"

    /// A hold came to cover a row of the partition while it was archived, or the policies changed: it stays.
    struct Bound: Error {}

    /// Everything that takes long comes before the locks: nobody may write to the month meanwhile, everybody may read
    /// it. Then the hold lock and the table's, for a moment, and again while the table is in use.
    ///
    /// Throws ``Bound`` where it has to stay, and what the server says where the table stays in use.
    func drop(_ partition: WholePartitions.Partition, _ session: Session) throws {
        let name = TableName.quoted(partition.name, session)
        let pages = try TableName.pages(of: partition.name, session)
        // Only the table's owner may do that, not the purging role.
        try session.executeScript("SET LOCAL ROLE NONE")
        try Self.requireFree(session)
        try session.executeScript("LOCK TABLE ONLY \(name) IN SHARE ROW EXCLUSIVE MODE")
        let rests = try PlanReader.prepareCounting(session, rests: rests)
        let columns = try SweepStatement.columns(of: partition.name, session)
        let list = columns.map { session.quoteIdentifier($0) }.joined(separator: ", ")
        if let folder = run.archive {
            _ = try folder.archive(
                "SELECT \(list) FROM ONLY \(name) WHERE \(rests.after("ctid", rows: Limits.countRestRows))",
                columns: columns, dataClass: DataClass.accessLog.rawValue, relation: Self.parent, run: run,
                key: key, session)
        }
        _ = try session.execute(
            """
            INSERT INTO daybook.purge_sweep (run_id, data_class, relation, state, pages, bounds)
            VALUES ($1, 'access_log', $2, 'dropped', $3, $4)
            ON CONFLICT ON CONSTRAINT purge_sweep_pkey DO UPDATE SET state = 'dropped', bounds = excluded.bounds
            """, [.int(run.id), .text(partition.name), .int(pages), .text(partition.bounds)])
        try count(name, rests, session)
        for attempt in 1...Limits.purgeAttempts {
            do {
                return try session.savepoint {
                    try LegalHoldLock.share(session)
                    guard try run.isBound(session), try !WholePartitions.holds(any: partition.name, query, session)
                    else { throw Bound() }
                    try Self.detachAndDrop(partition.name, session)
                }
            } catch let error as PostgresError where SweepFailure.isPassing(error) {
                guard attempt < Limits.purgeAttempts else { throw error }
                _ = try session.query("SELECT pg_sleep(0.1)::text AS waited")
            }
        }
    }

    /// Nobody has the whole log open for long: a month that could not be dropped in the end need not be read first.
    private static func requireFree(_ session: Session) throws {
        struct Free: Error {}
        do {
            try session.savepoint {
                try session.executeScript("LOCK TABLE ONLY \(parent) IN ACCESS EXCLUSIVE MODE")
                throw Free()
            }
        } catch is Free {}
    }

    /// One step for both.
    private static func detachAndDrop(_ relation: String, _ session: Session) throws {
        let name = TableName.quoted(relation, session)
        try session.executeScript("ALTER TABLE \(parent) DETACH PARTITION \(name); DROP TABLE \(name)")
    }

    /// All that a drop does beside reading the rows, to be undone again.
    static func rehearse(_ relation: String, _ session: Session) throws {
        try session.executeScript(
            """
            SET LOCAL ROLE NONE;
            CREATE TEMPORARY TABLE \(shares) AS SELECT 1 AS row_count WITH NO DATA;
            DROP TABLE \(shares)
            """)
        try detachAndDrop(relation, session)
    }

    /// Why a month could not be dropped, in words that say what to do; nil for what is passing, or not about it.
    static func explain(_ error: PostgresError, _ month: String, _ session: Session) throws -> DaybookError? {
        guard !SweepFailure.isPassing(error), error.code == .server, let state = error.sqlState else { return nil }
        let debug = String(reflecting: error)
        let dependents = try MonthObstacles.find([month], session)
        guard dependents.isEmpty else {
            return DaybookError(.configuration, dependents.map(\.sentence).joined(separator: " "), debugText: debug)
        }
        if state == .foreignKeyViolation {
            return DaybookError(
                .configuration,
                "Rows of \(error.table ?? "another table") still refer to rows of \(month), which goes as a whole; "
                    + "delete those first.", debugText: debug)
        }
        let triggers = try MonthObstacles.eventTriggers(session)
        if triggers.isEmpty || ["2B", "55"].contains(state.category) {
            return DaybookError(
                .configuration,
                "\(month) cannot be dropped as a whole: \(error.message ?? error.sentence). Change what is in the way.",
                debugText: debug)
        }
        let disabling = triggers.map { "ALTER EVENT TRIGGER \($0) DISABLE" }.joined(separator: "; ")
        return DaybookError(
            .badData,
            "\(month) cannot be dropped as a whole, because an event trigger refuses it (\(error.sentence)) Let it "
                + "pass, or: \(disabling)", debugText: debug)
    }

    /// The totals of the whole partition.
    ///
    /// Shares first, then the totals from those: a statement that only reads may use several of the server's
    /// processors. `OFFSET '0'` keeps the planner from taking the groups for as many as there are instants.
    private func count(_ name: String, _ rests: Rests, _ session: Session) throws {
        _ = try session.execute(
            """
            CREATE TEMPORARY TABLE \(Self.shares) AS
            SELECT i.owner, i.begins_at, i.action, count(*) AS row_count, min(i.instant) AS oldest,
                max(i.instant) AS newest
            FROM (
                SELECT coalesce(\(query.owner), '\(RetentionSession.nobody)') AS owner, r.action,
                    r.created_at AS instant, \(AccessTotals.beginning(of: "r.created_at")) AS begins_at
                FROM ONLY \(name) AS r
                \(query.joins)
                WHERE \(rests.after("r.ctid", rows: Limits.countRestRows))
                OFFSET '0'
            ) AS i
            GROUP BY 1, 2, 3
            """)
        _ = try session.execute(
            """
            WITH run_total AS (
                INSERT INTO daybook.purge_total (user_id, run_id, data_class, row_count, oldest, newest)
                SELECT owner, $1, 'access_log', sum(row_count), min(oldest), max(newest)
                FROM \(Self.shares) GROUP BY owner
                ON CONFLICT ON CONSTRAINT purge_total_pkey DO UPDATE SET
                    row_count = purge_total.row_count + excluded.row_count,
                    oldest = least(purge_total.oldest, excluded.oldest),
                    newest = greatest(purge_total.newest, excluded.newest)
            )
            \(AccessTotals.adding(run.id, from: Self.shares))
            """, [.int(run.id)])
        try session.executeScript("DROP TABLE \(Self.shares)")
    }

    private static let shares = "pg_temp.daybook_share"
}
