import Codecs
import Documents
import Domain
import Postgres

/// A close as it is recorded: one link of an account's chain.
struct CloseLink: Sendable {
    let userID: String
    let month: Month
    let revision: Int64
    let openingBalance: Int64
    let closingBalance: Int64
    let statementSha256: String
    let previousHash: String
    let hash: String

    /// What a query must read of `daybook.month_close AS c`.
    static let columns = """
        c.user_id::text AS user_id, c.month, c.revision::bigint AS revision, c.opening_balance, c.closing_balance,
        c.statement_sha256, c.previous_hash, c.hash
        """

    init(_ row: Row) throws {
        userID = try row.text("user_id")
        month = try MonthCloses.month(row.date("month"))
        revision = try row.int("revision")
        openingBalance = try row.int("opening_balance")
        closingBalance = try row.int("closing_balance")
        statementSha256 = try row.text("statement_sha256")
        previousHash = try row.text("previous_hash")
        hash = try row.text("hash")
    }

    /// The close of an account's month; nil where there is none of that revision.
    static func read(_ userID: String, _ month: Month, revision: Int64, _ session: Session) throws -> CloseLink? {
        try session.query(
            """
            SELECT \(columns) FROM daybook.month_close AS c
            WHERE c.user_id = $1 AND c.month = $2 AND c.revision = $3
            """, [.uuid(userID), .date(month.firstDay), .int(revision)]
        ).first.map(CloseLink.init)
    }

    /// False where its hash is not that of its contents.
    var isGenuine: Bool {
        hash
            == StatementManifest.chainHash(
                previous: previousHash, userID: userID, month: month.description, opening: openingBalance,
                closing: closingBalance, statement: statementSha256)
    }
}

/// Everything that was ever closed and opened again, of all accounts, in the order in which it happened: each record
/// has a digest over itself and the one before, and the last of them is the head.
///
/// The digest is over what the account's own chain is about, and over what it is not: the files that were kept, the
/// rows that were behind them, who closed and why it was opened again.
struct CloseRecords: Sendable {
    struct Record: Sendable {
        let userID: String
        let slug: String
        let month: Month
        let revision: Int64
        let isReopening: Bool
        let head: String
    }

    let records: [Record]
    let head: ChainHead

    /// Reads them all. Files and rows are digested by the server.
    ///
    /// What one transaction recorded has one instant, later than every other: see ``nextInstant(_:)``.
    init(_ session: Session) throws {
        let files = """
            SELECT coalesce(string_agg(f.name || ' ' || f.sha256 || E'\\n', '' ORDER BY f.name COLLATE "C"), '')
            FROM daybook.month_close_file AS f
            WHERE f.user_id = c.user_id AND f.month = c.month AND f.revision = c.revision
            """
        let rows = try session.query(
            """
            SELECT 'close' AS kind, c.user_id, c.user_id::text AS user_text, coalesce(a.slug, '(none)') AS slug,
                c.month, c.revision::bigint AS revision, c.closed_at AS instant, c.closed_by AS author, c.hash AS what,
                c.period_start, c.period_end,
                encode(sha256(convert_to(c.entry_ids::text || ' ' || c.entry_credits::text, 'UTF8')), 'hex') AS rows,
                encode(sha256(convert_to((\(files)), 'UTF8')), 'hex') AS files
            FROM daybook.month_close AS c LEFT JOIN daybook.account AS a ON a.user_id = c.user_id
            UNION ALL
            SELECT 'reopen', r.user_id, r.user_id::text, coalesce(a.slug, '(none)'), r.month, r.revision, r.reopened_at,
                r.reopened_by, encode(sha256(convert_to(r.reason, 'UTF8')), 'hex'), NULL, NULL, '', ''
            FROM daybook.month_reopen AS r LEFT JOIN daybook.account AS a ON a.user_id = r.user_id
            ORDER BY instant, user_id, month, revision, kind
            """)
        var head = ChainHead.none
        records = try rows.map { row in
            let (kind, month) = (try row.text("kind"), try MonthCloses.month(row.date("month")))
            let period = [try row.optionalInstant("period_start"), try row.optionalInstant("period_end")]
            let parts = [
                "daybook-closes-1", head, kind, try row.text("user_text"), month.description,
                String(try row.int("revision")), try row.instant("instant").description,
                SHA256Digest.hex(try row.text("author")), try row.text("what"), try row.text("rows"),
                try row.text("files"),
            ]
            head = SHA256Digest.hex((parts + period.map { $0?.description ?? "" }).map { $0 + "\n" }.joined())
            return Record(
                userID: try row.text("user_text"), slug: try row.text("slug"), month: month,
                revision: try row.int("revision"), isReopening: kind == "reopen", head: head)
        }
        let now = try session.query("SELECT clock_timestamp() AS now")[0].instant("now")
        self.head = ChainHead(kind: .close, digest: head, sequence: Int64(records.count), readAt: now)
    }

    /// The instant of what a transaction records, under the lock of closes: its own, or the next after the newest
    /// record's, where it waited or a clock went back. So nothing is ever recorded before something else.
    static func nextInstant(_ session: Session) throws -> Instant {
        try session.query(
            """
            SELECT greatest(transaction_timestamp(), max(i.instant) + interval '1 microsecond') AS instant FROM (
                SELECT max(closed_at) AS instant FROM daybook.month_close
                UNION ALL SELECT max(reopened_at) FROM daybook.month_reopen) AS i
            """)[0].instant("instant")
    }
}
