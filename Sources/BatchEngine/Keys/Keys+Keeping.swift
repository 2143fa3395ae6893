public import Domain
public import Postgres
import Schema

extension Keys {
    /// A key as it is listed: everything but the key.
    public struct Listing: Sendable, Hashable {
        public let keyID: String
        public let userID: String
        /// The customer's slug; nil for one without an account.
        public let account: String?
        public let prefix: String
        public let name: String
        public let rateLimitPerMinute: Int64
        public let maxItems: Int64
        public let createdAt: Instant
        public let lastUsedAt: Instant?
        public let revokedAt: Instant?
    }

    /// Whose key it is to be.
    public enum Owner: Sendable, Hashable {
        case account(slug: String)
        case user(id: String)
    }

    /// What a key may do.
    public struct Terms: Sendable, Hashable {
        public var name: String
        public var rateLimitPerMinute: Int64
        public var maxItems: Int

        public init(name: String, rateLimitPerMinute: Int64 = 60, maxItems: Int = Limits.batchItems) {
            self.name = name
            self.rateLimitPerMinute = rateLimitPerMinute
            self.maxItems = maxItems
        }
    }

    /// Makes a key, which is not to be had again. Run it in a transaction.
    ///
    /// Throws `usage` where the customer is unknown or the terms are out of range.
    public static func create(for owner: Owner, _ terms: Terms, _ session: Session) throws -> APIKey {
        guard (1...Limits.keyNameLength).contains(terms.name.count) else {
            throw DaybookError.usage("A key's name has 1 to \(Limits.keyNameLength) characters.")
        }
        guard (1...Limits.batchItems).contains(terms.maxItems) else {
            throw DaybookError.usage("The limit of items lies between 1 and \(Limits.batchItems).")
        }
        guard Limits.ratesPerMinute.contains(terms.rateLimitPerMinute) else {
            throw DaybookError.usage(
                "The limit of requests lies between \(Limits.ratesPerMinute.lowerBound) and "
                    + "\(Limits.ratesPerMinute.upperBound) a minute.")
        }
        let userID = try userID(of: owner, session)
        let key = APIKey()
        let row = try session.query(
            """
            INSERT INTO daybook.api_key (user_id, prefix, sha256, name, rate_limit_per_minute, batch_item_limit)
            VALUES ($1, $2, $3, $4, $5, $6) RETURNING key_id
            """,
            [
                .uuid(userID), .text(key.displayPrefix), .bytes(key.digest), .text(terms.name),
                .int(terms.rateLimitPerMinute), Value(terms.maxItems),
            ])[0]
        // The request log names keys of this table. The row holds no key, and nobody is let in by it.
        let keyID = try row.uuid("key_id")
        try session.execute(
            """
            INSERT INTO public.enterprise_api_keys (id, user_id, api_key, name, is_active, rate_limit_per_min)
            VALUES ($1, $2, $3, $4, false, $5)
            """,
            [
                .uuid(keyID), .uuid(userID), .text("\(key.displayPrefix)… kept as a hash, \(keyID)"),
                .text(terms.name), .int(terms.rateLimitPerMinute),
            ])
        return key
    }

    /// Every key made here, the revoked ones too, by customer and age.
    public static func list(_ session: Session) throws -> [Listing] {
        try session.query(
            """
            SELECT k.key_id, k.user_id, a.slug, k.prefix, k.name, k.rate_limit_per_minute, k.batch_item_limit,
                k.created_at, k.last_used_at, k.revoked_at
            FROM daybook.api_key AS k LEFT JOIN daybook.account AS a ON a.user_id = k.user_id
            ORDER BY k.user_id, k.created_at, k.key_id
            """
        ).map { row in
            Listing(
                keyID: try row.uuid("key_id"), userID: try row.uuid("user_id"), account: try row.optionalText("slug"),
                prefix: try row.text("prefix"), name: try row.text("name"),
                rateLimitPerMinute: try row.int("rate_limit_per_minute"), maxItems: try row.int("batch_item_limit"),
                createdAt: try row.instant("created_at"), lastUsedAt: try row.optionalInstant("last_used_at"),
                revokedAt: try row.optionalInstant("revoked_at"))
        }.inNaturalOrder { $0.account ?? "" }
    }

    /// Revokes the one key that an id or the beginning of a key names; false if it was revoked before.
    ///
    /// Throws ``EngineFault`` as `unknownKey` or `ambiguousKey` where it names none, or several.
    public static func revoke(_ name: String, _ session: Session) throws -> Bool {
        let rows = try session.query(
            """
            SELECT user_id, key_id, revoked_at IS NOT NULL AS is_revoked FROM daybook.api_key
            WHERE key_id::text = lower($1) OR (length($1) >= length(prefix) AND starts_with($1, prefix))
            ORDER BY key_id FOR UPDATE
            """, [.text(name)])
        guard let row = rows.first else { throw EngineFault.unknownKey }
        guard rows.count == 1 else { throw EngineFault.ambiguousKey }
        if try row.bool("is_revoked") { return false }
        try session.execute(
            "UPDATE daybook.api_key SET revoked_at = clock_timestamp() WHERE user_id = $1 AND key_id = $2",
            [.uuid(try row.uuid("user_id")), .uuid(try row.uuid("key_id"))])
        return true
    }

    private static func userID(of owner: Owner, _ session: Session) throws -> String {
        switch owner {
        case .account(let slug):
            let userID = try AccountNames(session).require(slug).userID
            try CustomerUser.require(userID, session)
            return userID
        case .user(let id):
            let known = try session.query("SELECT FROM public.users WHERE id = $1", [.uuid(id)])
            if known.isEmpty { throw DaybookError.usage("There is no user \(id).") }
            return id
        }
    }
}
