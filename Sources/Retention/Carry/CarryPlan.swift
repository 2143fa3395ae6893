internal import Codecs
public import Documents
public import Domain
internal import Postgres
internal import Schema

/// Which months of the ledger would be carried forward as balances, and what of them stays as it is.
public struct CarryPlan: Sendable, Hashable {
    /// One month of the ledger.
    public struct Line: Sendable, Hashable {
        public let month: Month
        /// Rows that would be replaced.
        public let rows: Int64
        /// Rows that stay because a legal hold covers them.
        public let heldRows: Int64
        /// Rows that stay because something may still refer to them: their batch is not settled, or not wholly before
        /// the cutoff, or a statement lists them by themselves.
        public let openRows: Int64
        /// Owners of replaced rows.
        public let owners: Int64
        /// What the replaced rows add up to.
        public let credits: Int64
        /// The rows that would take their place: one per owner and lot.
        public let balances: Int64
    }

    public let asOf: CalendarDate
    public let years: Int64
    /// The first instant that is not carried forward: the beginning of a month in UTC.
    public let cutoff: Instant
    public let lines: [Line]
    let holdDigest: String

    public var rows: Int64 { lines.reduce(0) { $0 + $1.rows } }
    public var balances: Int64 { lines.reduce(0) { $0 + $1.balances } }

    /// The plan as a table.
    public var table: Table {
        Table(
            name: "carry", title: "Ledger rows before \(cutoff), \(years) years as of \(asOf)",
            note: "Each month's rows would be replaced by a balance an owner and lot.",
            columns: [
                Column("month", .text), Column("rows", .integer), Column("held_rows", .integer),
                Column("open_rows", .integer), Column("owners", .integer), Column("credits", .integer),
                Column("balances", .integer),
            ],
            rows: lines.map { line in
                [
                    .text(line.month.description), .integer(line.rows), .integer(line.heldRows),
                    .integer(line.openRows), .integer(line.owners), .integer(line.credits), .integer(line.balances),
                ]
            })
    }

    var csv: [UInt8] { CSVEncoder.encode(table) }
    var digest: String { SHA256Digest.hex(csv) }

    /// The first instant of the month that lies so many years before the date.
    static func cutoff(_ asOf: CalendarDate, years: Int64) throws(DaybookError) -> Month {
        let (year, month, _) = asOf.components
        guard let month = Month(year: year - Int(years), number: month) else {
            throw .usage("\(years) years before \(asOf) nothing was booked yet.")
        }
        return month
    }
}

/// The ledger rows before a cutoff, sorted into those that are replaced and those that stay: a temporary table of the
/// transaction, which both the plan and the replacement read.
enum CarryRows {
    private static let closes = """
        SELECT c.user_id, c.period_start, c.period_end, c.entry_ids FROM daybook.month_close AS c
        WHERE NOT EXISTS (
            SELECT FROM daybook.month_reopen AS r
            WHERE r.user_id = c.user_id AND r.month = c.month AND r.revision = c.revision)
        """
    private static let uuid = "'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'"

    /// Makes the table `pg_temp.carry_row`.
    ///
    /// Throws `usage` naming a row that came too late for its closed month and that no close has shown yet.
    static func collect(before cutoff: Instant, _ session: Session) throws {
        try session.executeScript(
            """
            DROP TABLE IF EXISTS pg_temp.carry_row;
            CREATE TEMPORARY TABLE carry_row (
                user_id uuid, id bigint, created_at timestamptz, month date, lot jsonb, bucket text, credits bigint,
                role text, batch_id text, model text, is_carried boolean, is_held boolean, is_open boolean
            ) ON COMMIT DROP
            """)
        let catalog = try Catalog(session)
        _ = try session.execute(
            """
            WITH later AS (
                SELECT c.user_id, unnest(c.entry_ids) AS id FROM (\(closes)) AS c WHERE c.period_start >= $1
            )
            INSERT INTO pg_temp.carry_row
            SELECT l.user_id, l.id, l.created_at, date_trunc('month', l.created_at AT TIME ZONE 'UTC')::date,
                l.meta -> 'lot_id', l.bucket, l.credits_delta, l.role, l.batch_reference, coalesce(l.model, ''),
                l.ref_type IS NOT DISTINCT FROM '\(StatementEntry.carriedForward)',
                EXISTS (SELECT FROM daybook.held_owner AS h WHERE h.user_id = l.user_id),
                (l.type = 'purchase' AND l.credits_delta > 0 AND l.price_micros IS NULL)
                    OR (l.role IN ('freeze', 'refund') AND l.ref_id IS NULL)
                    OR EXISTS (SELECT FROM later WHERE later.user_id = l.user_id AND later.id = l.id)
            FROM (\(SharedSource.ledgerRow.select(catalog))) AS l WHERE l.created_at < $1
            """, [.instant(cutoff)])
        try session.executeScript("CREATE UNIQUE INDEX ON pg_temp.carry_row (user_id, id); ANALYZE pg_temp.carry_row")
        try keepBatches(before: cutoff, catalog, session)
        try refuseUnshown(session)
    }

    /// All rows of a batch stay together: while it can change, and while a hold covers it.
    private static func keepBatches(before cutoff: Instant, _ catalog: Catalog, _ session: Session) throws {
        _ = try session.execute(
            """
            WITH named AS (
                SELECT DISTINCT user_id, batch_id, CASE WHEN batch_id ~ \(uuid) THEN batch_id::uuid END AS id
                FROM pg_temp.carry_row WHERE batch_id IS NOT NULL
            ), kept AS (
                SELECT n.user_id, n.batch_id, false AS is_held, true AS is_open
                FROM named AS n
                JOIN (\(SharedSource.datedBatch.select(catalog))) AS j ON j.user_id = n.user_id AND j.id = n.id
                WHERE NOT coalesce(j.is_settled AND j.settled_at < $1, false)
                UNION ALL
                SELECT n.user_id, n.batch_id, k.is_held, k.is_open
                FROM named AS n
                CROSS JOIN LATERAL (
                    SELECT false AS is_held, true AS is_open FROM public.credit_ledger AS l
                    WHERE l.ref_type IN ('batch_upfront', 'batch_refund') AND l.ref_id = n.batch_id
                        AND l.user_id = n.user_id AND l.created_at >= $1
                    UNION ALL
                    SELECT false, true FROM pg_temp.carry_row AS r
                    WHERE r.is_open AND r.user_id = n.user_id AND r.batch_id = n.batch_id
                    UNION ALL
                    SELECT true, false FROM daybook.held_batch AS h WHERE h.batch_id = n.id
                    UNION ALL
                    SELECT true, false FROM daybook.held_video AS h
                    JOIN public.video_tasks AS t ON t.id = h.video_id WHERE t.batch_job_id = n.id
                ) AS k
            )
            UPDATE pg_temp.carry_row AS r SET is_held = r.is_held OR k.is_held, is_open = r.is_open OR k.is_open
            FROM (
                SELECT user_id, batch_id, bool_or(is_held) AS is_held, bool_or(is_open) AS is_open
                FROM kept GROUP BY user_id, batch_id
            ) AS k WHERE r.user_id = k.user_id AND r.batch_id = k.batch_id
            """, [.instant(cutoff)])
    }

    /// A row that is late for its closed month has its place in the next statement, which is not closed yet.
    private static func refuseUnshown(_ session: Session) throws {
        let rows = try session.query(
            """
            WITH closed AS MATERIALIZED (\(closes)), reach AS (
                SELECT user_id, max(period_end) AS ends_at FROM closed GROUP BY user_id
            ), shown AS (
                SELECT user_id, unnest(entry_ids) AS id FROM closed
            )
            SELECT r.id, coalesce(a.slug, r.user_id::text) AS owner FROM pg_temp.carry_row AS r
            JOIN reach ON reach.user_id = r.user_id AND r.created_at < reach.ends_at
            LEFT JOIN shown AS s ON s.user_id = r.user_id AND s.id = r.id
            LEFT JOIN daybook.account AS a ON a.user_id = r.user_id
            WHERE s.id IS NULL AND NOT r.is_carried ORDER BY r.id LIMIT 1
            """)
        guard let row = rows.first else { return }
        throw DaybookError.usage(
            "Ledger entry \(try row.int("id")) of \(try row.text("owner")) came after its month was closed, and no "
                + "statement has shown it yet; close the next month first: ", .take(.closeMonth))
    }

    /// What of each month would be replaced. Only months that have something to replace.
    static func lines(_ session: Session) throws -> [CarryPlan.Line] {
        try session.query(
            """
            SELECT month::text AS month, count(*) FILTER (WHERE is_replaced AND NOT is_carried) AS rows,
                count(*) FILTER (WHERE is_held) AS held, count(*) FILTER (WHERE is_open AND NOT is_held) AS open,
                count(DISTINCT user_id) FILTER (WHERE is_replaced) AS owners,
                coalesce(sum(credits) FILTER (WHERE is_replaced), 0)::bigint AS credits,
                count(DISTINCT (user_id, lot, bucket)) FILTER (WHERE is_replaced) AS balances
            FROM (SELECT *, NOT is_held AND NOT is_open AS is_replaced FROM pg_temp.carry_row) AS r
            GROUP BY month HAVING count(*) FILTER (WHERE is_replaced AND NOT is_carried) > 0 ORDER BY month
            """
        ).compactMap { row in
            guard let month = Month(String(try row.text("month").prefix(7))) else { return nil }
            return CarryPlan.Line(
                month: month, rows: try row.int("rows"), heldRows: try row.int("held"), openRows: try row.int("open"),
                owners: try row.int("owners"), credits: try row.int("credits"), balances: try row.int("balances"))
        }
    }
}
