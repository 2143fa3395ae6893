public import Domain
public import Postgres

extension Keys {
    /// A key as it is listed: everything but the key.
    public struct Listing: Sendable, Hashable {
        public let keyID: String
        public let userID: String
        /// The customer's slug; nil for one without an account.
        public let account: String?
        public let prefix: String
        public let kind: KeyKind
        public let name: String
        /// In the order of ``KeyScope``.
        public let scopes: [KeyScope]
        /// From where it may be used, as networks; empty for everywhere.
        public let networks: [String]
        public let rateLimitPerMinute: Int64
        public let maxItems: Int64
        public let createdAt: Instant?
        public let expiresAt: Instant?
        public let isExpired: Bool
        public let lastUsedAt: Instant?
        /// The address of the last use; nil also where that was long ago.
        public let lastUsedFrom: String?
        public let revokedAt: Instant?

        init(_ row: Row) throws {
            keyID = try row.uuid("key_id")
            userID = try row.uuid("user_id")
            account = try row.optionalText("slug")
            prefix = try row.text("prefix")
            kind = KeyKind(rawValue: try row.text("kind")) ?? .clear
            name = try row.text("name")
            scopes = try (row.bool("may_read") ? [.read] : []) + (row.bool("may_write") ? [.write] : [])
            networks = try row.optionalTexts("networks") ?? []
            rateLimitPerMinute = try row.int("rate_limit_per_minute")
            maxItems = try row.int("batch_item_limit")
            createdAt = try row.optionalInstant("created_at")
            expiresAt = try row.optionalInstant("expires_at")
            isExpired = try row.bool("is_expired")
            lastUsedAt = try row.optionalInstant("last_used_at")
            lastUsedFrom = try row.optionalText("last_used_from")
            revokedAt = try row.optionalInstant("revoked_at")
        }
    }

    /// Every key, the revoked ones too, by customer and age; those that an application keeps in clear and lets in
    /// among them.
    public static func list(_ session: Session) throws -> [Listing] {
        try session.query(
            """
            SELECT k.*, a.slug FROM (
                SELECT k.key_id, k.user_id, k.prefix, k.kind, k.name, k.may_read, k.may_write,
                    k.allowed_networks::text[] AS networks, k.rate_limit_per_minute, k.batch_item_limit, k.created_at,
                    k.expires_at, coalesce(k.expires_at <= daybook.clock(), false) AS is_expired, k.last_used_at,
                    host(k.last_used_from) AS last_used_from, k.revoked_at
                FROM daybook.api_key AS k
                UNION ALL
                SELECT e.id, e.user_id, left(e.api_key, least(6, length(e.api_key) / 4)), 'clear',
                    coalesce(e.name, ''), true, true, NULL,
                    least(greatest(coalesce(e.rate_limit_per_min, 60), 1), 1000000), \(Limits.batchItems), e.created_at,
                    NULL, false, (
                        SELECT max(g.last_at) FROM daybook.key_usage AS g
                        WHERE g.user_id = e.user_id AND g.key_id = e.id
                    ), NULL, NULL
                FROM public.enterprise_api_keys AS e
                WHERE e.is_active AND NOT EXISTS (
                    SELECT FROM daybook.api_key AS k WHERE k.user_id = e.user_id AND k.key_id = e.id)
            ) AS k LEFT JOIN daybook.account AS a ON a.user_id = k.user_id
            ORDER BY k.user_id, k.created_at, k.key_id
            """
        ).map { try Listing($0) }.inNaturalOrder { $0.account ?? "" }
    }

    /// The one key that an id or the beginning of a key names.
    ///
    /// Throws ``EngineFault`` as `unknownKey` or `ambiguousKey` where it names none, or several.
    public static func find(_ name: String, _ session: Session) throws -> Listing {
        let found = try list(session).filter { key in
            key.keyID == name.lowercased() || key.kind != .clear && !key.prefix.isEmpty && name.hasPrefix(key.prefix)
        }
        guard let key = found.first else { throw EngineFault.unknownKey }
        guard found.count == 1 else { throw EngineFault.ambiguousKey }
        return key
    }
}
