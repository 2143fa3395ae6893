internal import Domain
internal import Postgres

/// One month of the ledger while it is replaced.
struct CarryMonth: Sendable {
    let month: Month

    /// `public.credit_ledger_2014_03`.
    var relation: String { "public." + name }
    private var name: String { "credit_ledger_" + month.description.replacing("-", with: "_") }
    private var next: String { "public.\(name)_next" }
    private var start: String { "'\(month.firstDay) 00:00:00+00'" }
    private var end: String { "'\(month.endDay) 00:00:00+00'" }
    private static let kept = "(c.is_held OR c.is_open)"

    /// Nobody can add a row until the transaction ends; everybody can read.
    func keepStill(_ session: Session) throws {
        try session.executeScript("LOCK TABLE \(relation) IN SHARE MODE")
    }

    /// Writes the rows that go into a segment of the archive, before they go.
    func archive(_ run: PurgeRun, _ folder: ArchiveFolder, key: [UInt8]?, _ session: Session) throws {
        let columns = try SweepStatement.columns(of: relation, session)
        let list = columns.map { "l." + session.quoteIdentifier($0) }.joined(separator: ", ")
        _ = try SweepStep.archive(
            """
            SELECT \(list) FROM ONLY \(relation) AS l
            JOIN pg_temp.carry_row AS c ON c.user_id = l.user_id AND c.id = l.id AND NOT \(Self.kept)
            ORDER BY l.user_id, l.created_at, l.id
            """, columns: columns, dataClass: CarryForward.dataClass, relation: relation, run: run, folder: folder,
            key: key, session)
    }

    /// Makes the table that takes the month's place: the rows that stay, each as it is, and a balance an owner and lot.
    ///
    /// A balance has the month's last instant. It names how many rows it stands for, and their SHA-256: that of the
    /// rows as PostgreSQL writes them in UTC, a row a line, in the order of instant and id. Balances that add come
    /// before those that take away, so that none of them lets the sum fall below the month's last balance.
    func prepare(_ session: Session) throws {
        let tablespace = try PartitionLikeness.tablespace(of: LedgerPartitions.parent, session)
        let columns = try SweepStatement.columns(of: LedgerPartitions.parent, session).map {
            session.quoteIdentifier($0)
        }
        try session.executeScript(
            """
            CREATE TABLE \(next) (LIKE public.credit_ledger INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED
                INCLUDING STORAGE INCLUDING COMPRESSION)\(tablespace);
            INSERT INTO \(next) (\(columns.joined(separator: ", ")))
            SELECT \(columns.map { "l." + $0 }.joined(separator: ", ")) FROM ONLY \(relation) AS l
            JOIN pg_temp.carry_row AS c ON c.user_id = l.user_id AND c.id = l.id AND \(Self.kept);
            INSERT INTO \(next) (user_id, type, credits_delta, ref_type, ref_id, meta, created_at)
            SELECT b.user_id, 'adjust', b.credits, '\(StatementEntry.carriedForward)', '\(month)',
                jsonb_strip_nulls(jsonb_build_object(
                    'bucket', b.bucket, 'lot_id', b.lot, 'entries', b.entries, 'sha256', b.sha256)),
                timestamptz \(end) - interval '1 microsecond'
            FROM (
                SELECT c.user_id, c.lot, c.bucket, sum(c.credits) AS credits,
                    sum(CASE WHEN c.is_carried THEN (l.meta ->> 'entries')::bigint ELSE 1 END) AS entries,
                    encode(sha256(convert_to(
                        string_agg(l::text, E'\\n' ORDER BY l.created_at, l.id), 'UTF8')), 'hex') AS sha256
                FROM ONLY \(relation) AS l
                JOIN pg_temp.carry_row AS c ON c.user_id = l.user_id AND c.id = l.id AND NOT \(Self.kept)
                GROUP BY c.user_id, c.lot, c.bucket
            ) AS b ORDER BY b.user_id, b.credits < 0, b.lot, b.bucket
            """)
    }

    /// Puts the new table in the old one's place.
    func replace(_ session: Session) throws {
        try session.executeScript(
            """
            ALTER TABLE public.credit_ledger DETACH PARTITION \(relation);
            DROP TABLE \(relation);
            ALTER TABLE \(next) RENAME TO \(name);
            ALTER TABLE public.credit_ledger ATTACH PARTITION \(relation) FOR VALUES FROM (\(start)) TO (\(end));
            CREATE TRIGGER daybook_never_emptied BEFORE TRUNCATE ON \(relation)
                FOR EACH STATEMENT EXECUTE FUNCTION daybook.refuse_alteration()
            """)
        try PartitionLikeness.give(relation, of: LedgerPartitions.parent, session)
    }
}
