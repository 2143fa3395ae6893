internal import Domain
public import Postgres
internal import Schema

/// The registry of legal holds.
public struct Holds: Sendable {
    /// What a hold covers.
    public enum Scope: Sendable, Hashable {
        /// An account's slug, or the id of an owner without an account.
        case account(String)
        case batch(String)
        case video(String)

        var name: String {
            switch self {
            case .account: "account"
            case .batch: "batch"
            case .video: "video"
            }
        }
    }

    public init() {}

    /// Places a hold and gives its number. When it returns, no purge deletes what the hold covers.
    ///
    /// Throws `usage` if there is no such account, batch or video.
    public func place(
        _ scope: Scope, matter: String, requestedBy: String, _ connection: Connection
    ) async throws -> Int64 {
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            let id = try Self.resolve(scope, session)
            // Waits for the purge's transaction that is under way; the next one sees the hold.
            try HoldLock.take(session)
            func only(_ name: String) -> Value { scope.name == name ? .uuid(id) : .null }
            return try session.query(
                """
                INSERT INTO daybook.legal_hold (scope, user_id, batch_id, video_id, matter, requested_by)
                VALUES ($1, $2, $3, $4, $5, $6) RETURNING hold_id
                """,
                [
                    .text(scope.name), only("account"), only("batch"), only("video"), .text(matter), .text(requestedBy),
                ])[0].int("hold_id")
        }
    }

    /// Releases a hold. Throws `usage` if it is not in force.
    public func release(_ hold: Int64, reason: String, _ connection: Connection) async throws {
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try RetentionSession.requireTables(session)
            // A purge that is under way stops at its next transaction.
            try HoldLock.take(session)
            let count = try session.execute(
                """
                UPDATE daybook.legal_hold SET released_at = clock_timestamp(), released_by = session_user,
                    release_reason = $2
                WHERE hold_id = $1 AND released_at IS NULL
                """, [.int(hold), .text(reason)])
            guard count == 1 else {
                throw DaybookError.usage("There is no hold \(hold) in force; see: daybook retention hold list")
            }
        }
    }

    /// The id that a scope means.
    private static func resolve(_ scope: Scope, _ session: Session) throws -> String {
        switch scope {
        case .account(let name):
            let rows = try session.query(
                "SELECT user_id FROM daybook.account WHERE slug = $1 OR user_id::text = lower($1) ORDER BY user_id",
                [.text(name)])
            if let row = rows.first { return try row.uuid("user_id") }
            // Also who has neither a task nor a batch, and only a request log or accesses of videos that are gone.
            return try known(
                name,
                in: [
                    ("public.users", "id"), ("public.video_tasks", "user_id"), ("public.batch_jobs", "user_id"),
                    ("public.enterprise_api_keys", "user_id"), ("public.enterprise_api_usage", "user_id"),
                    ("public.video_external_access_log", "owner_id"),
                ], "account", session)
        case .batch(let id):
            return try known(id, in: [("public.batch_jobs", "id")], "batch", session)
        case .video(let id):
            if let known =
                (try? session.savepoint { try find(id, "public.video_external_access_log", "video_id", session) })
                ?? nil
            {
                return known
            }
            return try known(id, in: [("public.video_tasks", "id")], "video", session)
        }
    }

    /// A hold on what nobody has would protect nothing: a mistyped id is refused.
    private static func known(
        _ id: String, in places: [(table: String, column: String)], _ what: String, _ session: Session
    ) throws -> String {
        for (table, column) in places {
            if let known = (try? session.savepoint { try find(id, table, column, session) }) ?? nil { return known }
        }
        throw DaybookError.usage("There is no \(what) \"\(id.prefix(80))\" in this database; nothing was held.")
    }

    /// The id in lower case if a row has it. Text that is no id of the column's type throws.
    private static func find(_ id: String, _ table: String, _ column: String, _ session: Session) throws -> String? {
        let rows = try session.query(
            "SELECT EXISTS (SELECT FROM \(table) WHERE \(column) = $1) AS found", [.unknown(id)])
        return try rows[0].bool("found") ? id.lowercased() : nil
    }
}
