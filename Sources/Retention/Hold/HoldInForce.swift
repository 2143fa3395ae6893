public import Domain
public import Postgres
internal import Schema

/// A hold that is in force, and whom it keeps from losing anything.
public struct HoldInForce: Sendable, Hashable {
    /// Its number in the registry; nil for one of accounts.csv.
    public let number: Int64?
    /// `account`, `batch` or `video`.
    public let scope: String
    /// The account's slug, or an id.
    public let reference: String
    public let matter: String
    public let requestedBy: String
    public let placedAt: Instant
    /// Whose data it covers; nil where a batch or a video has no owner any more.
    public let owner: String?
    /// The id of what it covers; nil for a hold of accounts.csv.
    let coveredID: String?

    /// What a person calls it: `hold 3`, or `accounts.csv`.
    public var name: String { number.map { "hold \($0)" } ?? "accounts.csv" }

    /// Name, scope where it is not the whole account, and matter.
    public var description: String {
        name + (scope == "account" ? "" : " (\(scope) \(reference))") + ": " + matter
    }

    /// Every hold of the registry with whose data it covers, released ones as well: the common part of what is read.
    private static func owned(_ session: Session) throws -> String {
        let catalog = try Catalog(session)
        // A video may have lost its task: on a database of our own an access says whose it was.
        let accesses =
            try Migrator.madeService(session)
            ? "(SELECT min(l.owner_id::text) FROM public.video_external_access_log AS l WHERE l.video_id = h.video_id)"
            : "NULL"
        return """
            WITH batch AS (\(catalog.select(.batchJobs))), task AS (\(catalog.select(.videoTasks))), owned AS (
                SELECT h.*, coalesce(h.user_id::text, h.batch_id::text, h.video_id::text) AS covered,
                    coalesce(h.user_id::text, (SELECT min(b.user_id::text) FROM batch AS b WHERE b.id = h.batch_id),
                        (SELECT min(t.user_id::text) FROM task AS t WHERE t.id = h.video_id), \(accesses)) AS owner
                FROM daybook.legal_hold AS h
            )
            """
    }

    /// Whose data the holds of the registry cover or covered, by scope and id: `video 5f3c…`.
    static func owners(_ session: Session) throws -> [String: String] {
        let rows = try session.query(
            "\(try owned(session)) SELECT scope, covered, owner FROM owned WHERE owner IS NOT NULL ORDER BY hold_id")
        return Dictionary(
            try rows.map { (try $0.text("scope") + " " + $0.text("covered"), try $0.text("owner")) }
        ) { first, _ in first }
    }

    /// Reads every hold that is in force, in the session's transaction, by scope, reference and matter.
    public static func all(_ session: Session) throws -> [HoldInForce] {
        let rows = try session.query(
            """
            \(try owned(session))
            SELECT number, scope, reference, matter, requested_by, placed, owner, covered FROM (
                SELECT h.hold_id AS number, h.scope, coalesce(a.slug, h.covered) AS reference, h.matter,
                    h.requested_by, h.placed_at AS placed, h.owner, h.covered
                FROM owned AS h LEFT JOIN daybook.account AS a ON a.user_id = h.user_id
                WHERE h.released_at IS NULL
                UNION ALL
                SELECT NULL, 'account', slug, legal_hold, 'accounts.csv', imported_at, user_id::text, NULL
                FROM daybook.account WHERE legal_hold <> ''
            ) AS h ORDER BY scope, reference COLLATE "C", matter COLLATE "C", placed, number NULLS FIRST
            """)
        return try rows.map { row in
            HoldInForce(
                number: try row.optionalInt("number"), scope: try row.text("scope"),
                reference: try row.text("reference"), matter: try row.text("matter"),
                requestedBy: try row.text("requested_by"), placedAt: try row.instant("placed"),
                owner: try row.optionalText("owner"), coveredID: try row.optionalText("covered"))
        }
    }

    /// The same, or nil where the login may not read the registry.
    public static func readable(_ connection: Connection) async throws -> [HoldInForce]? {
        try await connection.transaction(.snapshot) { session in
            let rows = try session.query(
                """
                SELECT to_regclass('daybook.legal_hold') IS NOT NULL AS is_there,
                    coalesce(has_table_privilege(to_regclass('daybook.legal_hold'), 'SELECT'), false) AS may_read
                """)
            guard try rows[0].bool("is_there") else { return [] }
            guard try rows[0].bool("may_read") else { return nil }
            return try all(session)
        }
    }
}
