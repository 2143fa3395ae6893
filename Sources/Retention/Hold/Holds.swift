public import Domain
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

        var kind: HoldScope {
            switch self {
            case .account: .account
            case .batch: .batch
            case .video: .video
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
                [.text(scope.kind.rawValue), .uuid(id), .text(matter), .text(requestedBy)])[0].int("hold_id")
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
                throw DaybookError.usage("There is no hold \(hold) in force; see: ", .take(.listHolds))
            }
        }
    }

    /// Refuses a database whose holds do not move through functions yet.
    private static func requireFunctions(_ session: Session) throws {
        let known = try session.query(
            "SELECT to_regprocedure('daybook.release_hold(bigint, text)') IS NOT NULL AS exists")
        guard try known[0].bool("exists") else {
            throw DaybookError.configuration("This database has no holds of this version yet", .migrate)
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
                ], .account, session
            ) { try AccountNames(session).unknown(name, also: "or owner", outcome: "nothing was held") }
        case .batch(let id):
            return try known(id, in: [("public.batch_jobs", "id")], .batch, session)
        case .video(let id):
            if let known =
                (try? session.savepoint { try find(id, "public.video_external_access_log", "video_id", session) })
                ?? nil
            {
                return known
            }
            return try known(id, in: [("public.video_tasks", "id")], .video, session)
        }
    }

    /// A hold on what nobody has would protect nothing: a mistyped id is refused.
    private static func known(
        _ id: String, in places: [(table: String, column: String)], _ scope: HoldScope, _ session: Session,
        unknown: (() throws -> DaybookError)? = nil
    ) throws -> String {
        for (table, column) in places {
            if let known = (try? session.savepoint { try find(id, table, column, session) }) ?? nil { return known }
        }
        throw try unknown?()
            ?? .usage("There is no \(scope.rawValue) \"\(id.prefix(80))\" in this database; nothing was held.")
    }

    /// The id in lower case if a row has it. Text that is no id of the column's type throws.
    private static func find(_ id: String, _ table: String, _ column: String, _ session: Session) throws -> String? {
        let rows = try session.query(
            "SELECT EXISTS (SELECT FROM \(table) WHERE \(column) = $1) AS found", [.unknown(id)])
        return try rows[0].bool("found") ? id.lowercased() : nil
    }
}

/// What a hold is about, or an erasure: all of an account, one batch, one video.
///
/// A later program may know more scopes than this: what a certificate says of them stays readable, to the byte.
public enum HoldScope: RawRepresentable, Codable, Sendable, Hashable {
    case account, batch, video
    case unknown(String)

    static let known: [Self] = [.account, .batch, .video]

    public init(rawValue: String) {
        self = Self.known.first { $0.rawValue == rawValue } ?? .unknown(rawValue)
    }

    public var rawValue: String {
        switch self {
        case .account: "account"
        case .batch: "batch"
        case .video: "video"
        case .unknown(let name): name
        }
    }
}

/// A hold that is in force, and whom it keeps from losing anything.
public struct HoldInForce: Sendable, Hashable {
    /// Its number in the registry; nil for one of accounts.csv.
    public let number: Int64?
    public let scope: HoldScope
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
        name + (scope == .account ? "" : " (\(scope.rawValue) \(reference))") + ": " + matter
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

    /// A hold of the registry by what it is about.
    struct Covered: Hashable {
        let scope: HoldScope
        let id: String
    }

    /// Whose data the holds of the registry cover or covered.
    static func owners(_ session: Session) throws -> [Covered: String] {
        let rows = try session.query(
            "\(try owned(session)) SELECT scope, covered, owner FROM owned WHERE owner IS NOT NULL ORDER BY hold_id")
        return Dictionary(
            try rows.map { row in
                let scope = HoldScope(rawValue: try row.text("scope"))
                return (Covered(scope: scope, id: try row.text("covered")), try row.text("owner"))
            }
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
                number: try row.optionalInt("number"), scope: HoldScope(rawValue: try row.text("scope")),
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
