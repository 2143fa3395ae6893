public import Documents
public import Domain
public import Postgres
internal import Schema

/// What is on record of purges: runs, certificates, archives and looks into them, and what was taken from whom.
public struct RetentionList: Sendable {
    /// What was read, in one snapshot.
    public struct Outcome: Sendable {
        /// One line per run, certificate, archive and look; or per run, account and class.
        public let table: Table
        public let head: ChainHead
    }

    private let since: CalendarDate?
    private let account: String?

    /// - Parameters:
    ///   - since: Leaves out what began before this date, in UTC.
    ///   - account: Leaves out runs that took nothing from this account.
    public init(since: CalendarDate? = nil, account: String? = nil) {
        self.since = since
        self.account = account
    }

    /// The record itself.
    public func records(_ connection: Connection) async throws -> Outcome {
        try await read(connection) { session, bounds in
            let rows = try Self.parts.flatMap { part in
                try session.query(part, bounds).map { row in
                    try Self.columns.map { try Self.cell(row, $0) }
                }
            }
            return Table(
                name: "retention", title: "What is on record of the retention",
                note: "A line a run, certificate, archive and look into one.", columns: Self.columns, rows: rows)
        }
    }

    /// What was taken: from whom, under which days, and where it is still archived, or put back.
    public func taken(_ connection: Connection) async throws -> Outcome {
        try await read(connection) { session, bounds in
            let taken = try session.query(Self.taken, bounds).map { row in
                (run: try row.int("run"), slug: try row.text("account"), row: row)
            }
            let rows = try taken.inNaturalOrder(of: \.slug).enumerated().sorted {
                ($0.element.run, $0.offset) < ($1.element.run, $1.offset)
            }.map { taken in
                try Self.takenColumns.map { try Self.cell(taken.element.row, $0) }
            }
            return Table(
                name: "taken", title: "What was taken, from whom, under what",
                note: "A line a run, account and class. An empty account stands for owners without one.",
                columns: Self.takenColumns, rows: rows)
        }
    }

    private func read(
        _ connection: Connection, _ body: @escaping @Sendable (Session, [Value]) throws -> Table
    ) async throws -> Outcome {
        let table = try await connection.transaction(.snapshot) { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            try RetentionSession.requireFaces(session)
            let user = try account.map { try AccountNames.userID(everCalled: $0, session) }
            return try body(session, [since.map(Value.date) ?? .null, user.map(Value.uuid) ?? .null])
        }
        return Outcome(table: table, head: try await CertificateHead.read(connection))
    }

    private static func cell(_ row: Row, _ column: Column) throws -> Cell {
        switch column.kind {
        case .integer: try row.optionalInt(column.id).map(Cell.integer) ?? .empty
        case .instant: try row.optionalInstant(column.id).map(Cell.instant) ?? .empty
        default: try row.optionalText(column.id).map(Cell.text) ?? .empty
        }
    }

    private static let columns = [
        Column("record", .text), Column("number", .integer), Column("run", .integer), Column("what", .text),
        Column("state", .text), Column("at", .instant), Column("ends_at", .instant), Column("by", .text),
        Column("account", .text), Column("rows", .integer), Column("place", .text), Column("sha256", .identifier),
    ]

    private static let takenColumns = [
        Column("run", .integer), Column("as_of", .text), Column("at", .instant), Column("certificate", .integer),
        Column("account", .text), Column("data_class", .text), Column("action", .text), Column("rows", .integer),
        Column("oldest", .instant), Column("newest", .instant), Column("retention_days", .integer),
        Column("cutoff", .instant), Column("overruled", .text), Column("archive", .text),
        Column("archive_ends_at", .instant), Column("put_back_by", .integer),
    ]

    /// Runs of the bounds: since a date, and of an account.
    private static func isWithin(_ instant: String, run: String) -> String {
        """
        ($1::date IS NULL OR \(instant) >= $1::date::timestamp AT TIME ZONE 'UTC')
            AND ($2::uuid IS NULL OR EXISTS (
                SELECT FROM daybook.purge_total AS o WHERE o.run_id = \(run) AND o.user_id = $2))
        """
    }

    /// What became of the archive of a run `r`.
    private static let archiveState = """
        CASE WHEN r.archive_state = 'kept' AND r.archive_expires_at <= transaction_timestamp() THEN 'past its end'
            WHEN r.archive_state = 'expiring' THEN 'being destroyed' ELSE r.archive_state END
        """

    /// What certifies a run `r`, what became of its archive, and what says that its rows were put back.
    ///
    /// - Parameter isArchived: False for what no archive has.
    static func evidence(of isArchived: String = "true") -> String {
        """
        (
                SELECT min(c.sequence) FROM daybook.retention_certificate AS c
                WHERE c.run_id = r.run_id AND c.kind <> 'index') AS certificate,
            CASE WHEN \(isArchived) THEN \(archiveState) ELSE 'none' END AS archive,
            CASE WHEN \(isArchived) THEN r.archive_expires_at END AS archive_ends_at,
            CASE WHEN \(isArchived) THEN (
                SELECT min(c.sequence) FROM daybook.retention_certificate AS c
                WHERE c.run_id = r.run_id AND c.kind = 'restore') END AS put_back_by
        """
    }

    /// True for a total `t` of what archives have.
    static let isArchived = "t.data_class <> '\(DataClass.videoFiles.rawValue)'"

    /// Whether the session that a purge needs is there, only its lock says.
    private static let isUnderWay = "EXISTS (SELECT FROM pg_locks AS l WHERE \(PurgeLock.isHeld))"

    private static let parts = [
        """
        SELECT 'run' AS record, r.run_id AS number, r.run_id AS run,
            coalesce(c.kind, 'purge') || ' as of ' || r.as_of AS what,
            CASE WHEN r.state = 'running' THEN CASE WHEN \(isUnderWay) THEN 'under way' ELSE 'interrupted' END
                WHEN c.sequence IS NULL THEN 'not certified' ELSE 'certified' END AS state,
            r.started_at AS at, r.finished_at AS ends_at, r.started_by AS by, r.account,
            (SELECT sum(t.row_count)::bigint FROM daybook.purge_total AS t WHERE t.run_id = r.run_id) AS rows,
            NULL AS place, r.plan_sha256 AS sha256
        FROM daybook.purge_run AS r
        LEFT JOIN LATERAL (
            SELECT c.kind, c.sequence FROM daybook.retention_certificate AS c
            WHERE c.run_id = r.run_id AND c.kind <> 'index' ORDER BY c.sequence LIMIT 1
        ) AS c ON true
        WHERE \(isWithin("r.started_at", run: "r.run_id"))
        ORDER BY r.run_id
        """,
        """
        SELECT 'certificate' AS record, c.sequence AS number, c.run_id AS run, c.kind AS what,
            CASE WHEN c.face IS NOT NULL THEN 'with parts'
                ELSE coalesce('divided by ' || (
                    SELECT min(i.sequence) FROM daybook.retention_certificate AS i
                    WHERE i.kind = 'index' AND i.sequence > c.sequence), 'without parts') END AS state,
            c.issued_at AS at, NULL::timestamptz AS ends_at, NULL AS by, r.account, NULL::bigint AS rows,
            c.folder AS place, c.sha256
        FROM daybook.retention_certificate AS c JOIN daybook.purge_run AS r ON r.run_id = c.run_id
        WHERE \(isWithin("c.issued_at", run: "c.run_id"))
        ORDER BY c.sequence
        """,
        """
        SELECT 'archive' AS record, r.run_id AS number, r.run_id AS run,
            coalesce(r.archive_cipher, 'not encrypted') AS what, \(archiveState) AS state, r.started_at AS at,
            r.archive_expires_at AS ends_at, NULL AS by, r.account,
            (SELECT sum(s.row_count)::bigint FROM daybook.purge_segment AS s WHERE s.run_id = r.run_id) AS rows,
            r.archive_folder AS place, r.manifest_sha256 AS sha256
        FROM daybook.purge_run AS r
        WHERE r.archive_state <> 'none' AND \(isWithin("r.started_at", run: "r.run_id"))
        ORDER BY r.run_id
        """,
        """
        SELECT 'look' AS record, k.look_id AS number, k.run_id AS run, k.reason AS what,
            CASE WHEN k.dropped_at IS NOT NULL THEN 'dropped' WHEN k.until_at <= transaction_timestamp()
                THEN 'past its end' ELSE 'open' END AS state,
            k.looked_at AS at, coalesce(k.dropped_at, k.until_at) AS ends_at, k.looked_by AS by, r.account,
            (SELECT sum(n.rows)::bigint FROM unnest(k.row_counts) AS n (rows)) AS rows,
            array_to_string(k.relations, ' ') AS place, NULL AS sha256
        FROM daybook.retention_look AS k JOIN daybook.purge_run AS r ON r.run_id = k.run_id
        WHERE \(isWithin("k.looked_at", run: "k.run_id"))
        ORDER BY k.look_id
        """,
    ]

    private static let actions = DataClass.allCases.map { "WHEN '\($0.rawValue)' THEN '\($0.action.rawValue)'" }
        .joined(separator: " ")

    private static let taken = """
        SELECT t.run_id AS run, r.as_of::text AS as_of, r.started_at AS at, coalesce(k.slug, '') AS account,
            t.data_class,
            CASE t.data_class \(actions) WHEN '\(CarryForward.dataClass)' THEN 'carry' END AS action,
            sum(t.row_count)::bigint AS rows, min(t.oldest) AS oldest, max(t.newest) AS newest,
            min(coalesce(k.retention_days, n.retention_days))::bigint AS retention_days,
            min(coalesce(k.cutoff, n.cutoff)) AS cutoff, array_to_string(r.forced, ' ') AS overruled,
            \(evidence(of: isArchived))
        FROM daybook.purge_total AS t
        JOIN daybook.purge_run AS r ON r.run_id = t.run_id
        LEFT JOIN daybook.purge_cutoff AS k
            ON k.user_id = t.user_id AND k.run_id = t.run_id AND k.data_class = t.data_class
        LEFT JOIN daybook.purge_cutoff AS n
            ON n.user_id = '\(RetentionSession.nobody)' AND n.run_id = t.run_id AND n.data_class = t.data_class
        WHERE ($1::date IS NULL OR r.started_at >= $1::date::timestamp AT TIME ZONE 'UTC')
            AND ($2::uuid IS NULL OR t.user_id = $2)
        GROUP BY t.run_id, r.run_id, coalesce(k.slug, ''), t.data_class
        ORDER BY t.run_id, t.data_class COLLATE "C"
        """
}
