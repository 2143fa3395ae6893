internal import Domain
internal import Postgres
internal import Schema

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
    static func findings(_ session: Session) throws -> [Remark] {
        let may = try session.query("SELECT has_table_privilege('daybook.purge_sweep', 'SELECT') AS may")
        guard try may[0].bool("may") else { return [] }
        return try all(session).filter { $0.fate == .detached }.map { month in
            Remark(
                "Purge \(month.run) detached \(month.relation) and ended before its drop, so its rows are in no "
                    + "report. Give it back with: ", .take(.resumePurge))
        }
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
        try session.executeScript("LOCK TABLE \(PartitionDrop.parent) IN ACCESS EXCLUSIVE MODE")
        _ = try session.execute(
            """
            WITH bound AS (\(bound)), moved AS (
                DELETE FROM ONLY \(PartitionDrop.parent)_default AS r USING bound AS b
                WHERE r.created_at >= coalesce(b.first, '-infinity') AND r.created_at < b.last RETURNING r.*
            )
            INSERT INTO \(name) (\(list)) SELECT \(list) FROM moved
            """, [.int(run.id), .text(relation)])
        try session.executeScript(
            """
            ALTER TABLE \(PartitionDrop.parent) ATTACH PARTITION \(name) \(bounds);
            ALTER TABLE \(name) DROP CONSTRAINT \(Self.bounds)
            """)
        try RunRecord.note(.sweeping, run.id, .accessLog, relation, session)
    }

    /// The bounds of a partition, as its run wrote them down; null where one is open.
    private static let bound = """
        SELECT substring(bounds FROM 'FROM \\(''([^'']+)''\\)')::timestamptz AS first,
            substring(bounds FROM 'TO \\(''([^'']+)''\\)')::timestamptz AS last
        FROM daybook.purge_sweep WHERE run_id = $1 AND data_class = 'access_log' AND relation = $2
        """
}

extension Purge {
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
                try DetachedMonth.prepareAttaching(relation, run, $0)
            }
            for refusals in 1... {
                do {
                    return try await Uninterrupted.changing(connection, Self.unhurried) {
                        try DetachedMonth.attachAgain(relation, run, $0)
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
                    + "its owner, then: ", .take(.resumePurge), debugText: String(reflecting: error))
        }
    }
}
