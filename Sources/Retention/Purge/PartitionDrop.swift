internal import Domain
internal import Postgres

/// Takes a partition that is due whole: detached in one quick transaction, archived and dropped in a second one, in
/// which nobody else waits for it.
struct PartitionDrop: Sendable {
    let run: PurgeRun
    let query: ClassQuery
    let key: [UInt8]?
    private static let parent = "public.video_external_access_log"

    /// Detaches a partition, unless a hold has come to cover a row of it. True if it was detached.
    func detach(_ partition: WholePartitions.Partition, _ session: Session) throws -> Bool {
        _ = try session.query("SELECT pg_advisory_xact_lock_shared($1)", [.int(RetentionSession.holdLock)])
        guard try !WholePartitions.holds(any: partition.name, query, session) else { return false }
        let name = TableName.quoted(partition.name, session)
        // Only the table's owner may do that, not the purging role.
        try session.executeScript("SET LOCAL ROLE NONE")
        try session.executeScript("ALTER TABLE \(Self.parent) DETACH PARTITION \(name)")
        _ = try session.execute(
            """
            INSERT INTO daybook.purge_sweep (run_id, data_class, relation, state, pages, bounds)
            VALUES ($1, 'access_log', $2, 'detached', $3, $4)
            ON CONFLICT ON CONSTRAINT purge_sweep_pkey DO UPDATE SET state = 'detached', bounds = excluded.bounds
            """,
            [
                .int(run.id), .text(partition.name), .int(try TableName.pages(of: partition.name, session)),
                .text(partition.bounds),
            ])
        return true
    }

    /// Archives and drops a detached partition. If a hold has come to cover a row of it, it is attached again instead,
    /// to be swept; then false.
    func finish(_ relation: String, _ session: Session) throws -> Bool {
        let name = TableName.quoted(relation, session)
        try session.executeScript("SET LOCAL ROLE NONE")
        try session.executeScript("LOCK TABLE \(name) IN ACCESS EXCLUSIVE MODE")
        // Everything that takes long comes before the hold lock: whoever places a hold waits for the drop alone.
        let columns = try SweepStatement.columns(of: relation, session)
        let list = columns.map { session.quoteIdentifier($0) }.joined(separator: ", ")
        if let folder = run.archive {
            _ = try SweepStep.archive(
                "SELECT \(list) FROM ONLY \(name)", columns: columns, dataClass: DataClass.accessLog.rawValue,
                relation: Self.parent, run: run, folder: folder, key: key, session)
        }
        try count(name, session)
        _ = try session.query("SELECT pg_advisory_xact_lock_shared($1)", [.int(RetentionSession.holdLock)])
        let policiesStand = try Terms.policyDigest(session) == run.terms.policyDigest
        guard policiesStand, try !WholePartitions.holds(any: relation, query, session) else { return false }
        try session.executeScript("DROP TABLE \(name)")
        try Self.note("dropped", relation, run, session)
        return true
    }

    /// Gives a detached partition back to its table.
    func attachAgain(_ relation: String, _ session: Session) throws {
        let rows = try session.query(
            "SELECT bounds FROM daybook.purge_sweep WHERE run_id = $1 AND data_class = 'access_log' AND relation = $2",
            [.int(run.id), .text(relation)])
        let name = TableName.quoted(relation, session)
        try session.executeScript("SET LOCAL ROLE NONE")
        try session.executeScript("ALTER TABLE \(Self.parent) ATTACH PARTITION \(name) \(try rows[0].text("bounds"))")
        try Self.note("sweeping", relation, run, session)
    }

    private static func note(_ state: String, _ relation: String, _ run: PurgeRun, _ session: Session) throws {
        _ = try session.execute(
            """
            UPDATE daybook.purge_sweep SET state = $3
            WHERE run_id = $1 AND relation = $2 AND data_class = 'access_log'
            """,
            [.int(run.id), .text(relation), .text(state)])
    }

    /// The totals of the whole partition.
    private func count(_ name: String, _ session: Session) throws {
        _ = try session.execute(
            """
            WITH gone AS MATERIALIZED (
                SELECT coalesce(\(query.owner), $1::uuid) AS owner, r.action, coalesce(c.time_zone, 'UTC') AS zone,
                    r.created_at AS instant
                FROM ONLY \(name) AS r
                \(query.joins)
                LEFT JOIN daybook.purge_cutoff AS c
                    ON c.run_id = $2 AND c.data_class = 'access_log' AND c.user_id = \(query.owner)
            ), run_total AS (
                INSERT INTO daybook.purge_total (user_id, run_id, data_class, row_count, oldest, newest)
                SELECT owner, $2, 'access_log', count(*), min(instant), max(instant) FROM gone GROUP BY 1
                ON CONFLICT ON CONSTRAINT purge_total_pkey DO UPDATE SET
                    row_count = purge_total.row_count + excluded.row_count,
                    oldest = least(purge_total.oldest, excluded.oldest),
                    newest = greatest(purge_total.newest, excluded.newest)
            )
            INSERT INTO daybook.access_day (user_id, day, action, accesses)
            SELECT owner, (instant AT TIME ZONE zone)::date, action, count(*) FROM gone GROUP BY 1, 2, 3
            ON CONFLICT ON CONSTRAINT access_day_pkey DO UPDATE SET accesses = access_day.accesses + excluded.accesses
            """, [.uuid(RetentionSession.nobody), .int(run.id)])
    }
}
