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
            try Self.requireFunctions(session)
            let id = try Self.resolve(scope, session)
            // Waits for the purge's transaction that is under way; the next one sees the hold.
            return try session.query(
                "SELECT daybook.place_hold($1, $2, $3, $4) AS hold_id",
                [.text(scope.name), .uuid(id), .text(matter), .text(requestedBy)])[0].int("hold_id")
        }
    }

    /// Releases a hold. Throws `usage` if it is not in force.
    public func release(_ hold: Int64, reason: String, _ connection: Connection) async throws {
        try await connection.transaction { session in
            try RetentionSession.prepare(session)
            try Self.requireFunctions(session)
            // A purge that is under way stops at its next transaction.
            let isReleased = try session.query(
                "SELECT daybook.release_hold($1, $2) AS is_released", [.int(hold), .text(reason)])[0].bool(
                    "is_released")
            guard isReleased else {
                throw DaybookError.usage("There is no hold \(hold) in force; see: daybook retention hold list")
            }
        }
    }

    /// Refuses a database whose holds do not move through functions yet.
    private static func requireFunctions(_ session: Session) throws {
        let known = try session.query(
            "SELECT to_regprocedure('daybook.release_hold(bigint, text)') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else {
            throw DaybookError.configuration(
                "This database has no holds of this version yet; run: daybook database migrate")
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
                ], "account", session
            ) { try AccountNames(session).unknown(name, also: "or owner") }
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
        _ id: String, in places: [(table: String, column: String)], _ what: String, _ session: Session,
        unknown: (() throws -> String)? = nil
    ) throws -> String {
        for (table, column) in places {
            if let known = (try? session.savepoint { try find(id, table, column, session) }) ?? nil { return known }
        }
        let sentence = try unknown?() ?? "There is no \(what) \"\(id.prefix(80))\" in this database"
        throw DaybookError.usage("\(sentence); nothing was held.")
    }

    /// The id in lower case if a row has it. Text that is no id of the column's type throws.
    private static func find(_ id: String, _ table: String, _ column: String, _ session: Session) throws -> String? {
        let rows = try session.query(
            "SELECT EXISTS (SELECT FROM \(table) WHERE \(column) = $1) AS found", [.unknown(id)])
        return try rows[0].bool("found") ? id.lowercased() : nil
    }
}
