public import Domain
public import Postgres

/// Lists what was closed and opened again, and whether the chain of each account holds.
public struct CloseList: Sendable {
    public struct Entry: Sendable {
        public let slug: String
        public let month: String
        public let revision: Int64
        public let opening: Int64
        public let closing: Int64
        public let closedAt: Instant
        public let closedBy: String
        public let hash: String
        /// Why it was opened again; nil where it was not.
        public let reopened: String?
        /// False where the hash is not that of its contents, or not chained to the month before.
        public let isGenuine: Bool
    }

    public init() {}

    public func run(_ connection: Connection) async throws -> [Entry] {
        try await connection.transaction(.snapshot) { session in
            let known = try session.query("SELECT to_regclass('daybook.month_close') IS NOT NULL AS exists")
            guard try known[0].bool("exists") else { return [] }
            let rows = try session.query(
                """
                SELECT c.user_id::text AS user_id, coalesce(a.slug, '(none)') AS slug,
                    to_char(c.month, 'YYYY-MM') AS month,
                    c.revision::bigint AS revision, c.opening_balance, c.closing_balance, c.statement_sha256,
                    c.previous_hash, c.hash, c.closed_by, c.closed_at, r.reason
                FROM daybook.month_close AS c
                LEFT JOIN daybook.account AS a ON a.user_id = c.user_id
                LEFT JOIN daybook.month_reopen AS r
                    ON r.user_id = c.user_id AND r.month = c.month AND r.revision = c.revision
                ORDER BY coalesce(a.slug, '(none)') COLLATE "C", c.user_id, c.month, c.revision
                """)
            var last: [String: String] = [:]
            return try rows.map { row in
                let userID = try row.text("user_id")
                let previous = try row.text("previous_hash")
                let hash = try row.text("hash")
                let reopened = try row.optionalText("reason")
                let expected = StatementManifest.chainHash(
                    previous: previous, userID: userID, month: try row.text("month"),
                    opening: try row.int("opening_balance"), closing: try row.int("closing_balance"),
                    statement: try row.text("statement_sha256"))
                // What was opened again is no link any more; the next revision starts from the same month before.
                let isChained = previous == last[userID] ?? ""
                if reopened == nil { last[userID] = hash }
                return Entry(
                    slug: try row.text("slug"), month: try row.text("month"), revision: try row.int("revision"),
                    opening: try row.int("opening_balance"), closing: try row.int("closing_balance"),
                    closedAt: try row.instant("closed_at"), closedBy: try row.text("closed_by"), hash: hash,
                    reopened: reopened, isGenuine: hash == expected && (isChained || reopened != nil))
            }
        }
    }
}
