internal import Domain
internal import Postgres
internal import Schema

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
            _ = try SweepStep.archive(
                "SELECT \(list) FROM ONLY \(name) WHERE \(rests.after("ctid", rows: Limits.countRestRows))",
                columns: columns, dataClass: DataClass.accessLog.rawValue, relation: Self.parent, run: run,
                folder: folder, key: key, session)
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

    /// Lets the server know that a detached partition has rows of its bounds alone, so that attaching need not look
    /// at them all while everybody waits.
    static func prepareAttaching(_ relation: String, _ run: PurgeRun, _ session: Session) throws {
        let name = TableName.quoted(relation, session)
        try session.executeScript("SET LOCAL ROLE NONE")
        let rows = try session.query(bound, [.int(run.id), .text(relation)])
        var conditions = ["created_at IS NOT NULL"]
        if let first = try rows[0].optionalInstant("first") { conditions.append("created_at >= '\(first)'") }
        if let last = try rows[0].optionalInstant("last") { conditions.append("created_at < '\(last)'") }
        try session.executeScript(
            """
            ALTER TABLE \(name) DROP CONSTRAINT IF EXISTS \(bounds);
            ALTER TABLE \(name) ADD CONSTRAINT \(bounds) CHECK (\(conditions.joined(separator: " AND ")))
            """)
    }

    private static let bounds = "daybook_bounds"

    /// Gives a detached partition back to its table. Rows of its month that came meanwhile wait in the default
    /// partition, as those of a restore do; they move into it, under the lock that attaching takes anyway.
    static func attachAgain(_ relation: String, _ run: PurgeRun, _ session: Session) throws {
        let rows = try session.query(
            "SELECT bounds FROM daybook.purge_sweep WHERE run_id = $1 AND data_class = 'access_log' AND relation = $2",
            [.int(run.id), .text(relation)])
        let name = TableName.quoted(relation, session)
        let bounds = try rows[0].text("bounds")
        // It becomes a part of a statement: what PostgreSQL wrote itself, and nothing else.
        guard bounds.wholeMatch(of: /FOR VALUES FROM \(('[^']*'|MINVALUE)\) TO \(('[^']*'|MAXVALUE)\)/) != nil else {
            throw DaybookError.badData("The bounds of \(relation) are not those of a month; attach it by hand.")
        }
        try session.executeScript("SET LOCAL ROLE NONE")
        let columns = try SweepStatement.columns(of: relation, session).map { session.quoteIdentifier($0) }
        let list = columns.joined(separator: ", ")
        try session.executeScript("LOCK TABLE \(parent) IN ACCESS EXCLUSIVE MODE")
        _ = try session.execute(
            """
            WITH bound AS (\(bound)), moved AS (
                DELETE FROM ONLY \(parent)_default AS r USING bound AS b
                WHERE r.created_at >= coalesce(b.first, '-infinity') AND r.created_at < b.last RETURNING r.*
            )
            INSERT INTO \(name) (\(list)) SELECT \(list) FROM moved
            """, [.int(run.id), .text(relation)])
        try session.executeScript(
            """
            ALTER TABLE \(parent) ATTACH PARTITION \(name) \(bounds);
            ALTER TABLE \(name) DROP CONSTRAINT \(Self.bounds)
            """)
        try RunRecord.note(.sweeping, run.id, .accessLog, relation, session)
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

    /// The bounds of a partition, as its run wrote them down; null where one is open.
    private static let bound = """
        SELECT substring(bounds FROM 'FROM \\(''([^'']+)''\\)')::timestamptz AS first,
            substring(bounds FROM 'TO \\(''([^'']+)''\\)')::timestamptz AS last
        FROM daybook.purge_sweep WHERE run_id = $1 AND data_class = 'access_log' AND relation = $2
        """
}
