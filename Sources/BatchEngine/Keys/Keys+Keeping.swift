public import Domain
public import Postgres
import Schema

extension Keys {
    /// Whose key it is to be.
    public enum Owner: Sendable, Hashable {
        case account(slug: String)
        case user(id: String)
    }

    /// What a key may do, from where and until when.
    public struct Terms: Sendable, Hashable {
        public var name: String
        public var kind: APIKey.Kind
        public var rateLimitPerMinute: Int64
        public var maxItems: Int
        public var scopes: Set<KeyScope>
        /// Empty for everywhere.
        public var networks: [InternetNetwork]
        public var expiresAt: Instant?

        public init(
            name: String, kind: APIKey.Kind = .live, rateLimitPerMinute: Int64 = 60, maxItems: Int? = nil,
            scopes: Set<KeyScope> = Set(KeyScope.allCases), networks: [InternetNetwork] = [],
            expiresAt: Instant? = nil
        ) {
            self.name = name
            self.kind = kind
            self.rateLimitPerMinute = rateLimitPerMinute
            self.maxItems = maxItems ?? Self.mostItems(of: kind)
            self.scopes = scopes
            self.networks = networks
            self.expiresAt = expiresAt
        }

        /// Items of one batch that a key of a kind may have at most.
        public static func mostItems(of kind: APIKey.Kind) -> Int {
            kind == .pilot ? Limits.pilotItems : Limits.batchItems
        }

        fileprivate func check() throws(DaybookError) {
            guard (1...Limits.keyNameLength).contains(name.count) else {
                throw .usage("A key's name has 1 to \(Limits.keyNameLength) characters.")
            }
            let most = Self.mostItems(of: kind)
            guard (1...most).contains(maxItems) else {
                throw .usage("The limit of items of a \(kind.rawValue) key lies between 1 and \(most).")
            }
            guard Limits.ratesPerMinute.contains(rateLimitPerMinute) else {
                throw .usage(
                    "The limit of requests lies between \(Limits.ratesPerMinute.lowerBound) and "
                        + "\(Limits.ratesPerMinute.upperBound) a minute.")
            }
            guard !scopes.isEmpty else { throw .usage("A key may read, or write, or both.") }
            guard networks.count <= Limits.keyNetworks else {
                throw .usage("A key may be bound to at most \(Limits.keyNetworks) networks.")
            }
        }
    }

    /// A key that was made, and whose it is.
    public struct Made: Sendable {
        public let key: APIKey
        public let keyID: String
        public let userID: String
    }

    /// Makes a key, which is not to be had again. Run it in a transaction.
    ///
    /// Throws `usage` where the customer is unknown or the terms are out of range.
    public static func create(for owner: Owner, _ terms: Terms, _ session: Session) throws -> Made {
        try terms.check()
        if let expiresAt = terms.expiresAt {
            let now = try session.query("SELECT daybook.clock() AS now")[0].instant("now")
            guard expiresAt > now else { throw DaybookError.usage("A key that expires at \(expiresAt) never works.") }
        }
        let userID = try userID(of: owner, session)
        let key = APIKey(kind: terms.kind)
        let row = try session.query(
            """
            INSERT INTO daybook.api_key (
                user_id, prefix, sha256, name, rate_limit_per_minute, batch_item_limit, kind, may_read, may_write,
                allowed_networks, expires_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text[]::cidr[], $11) RETURNING key_id
            """,
            [
                .uuid(userID), .text(key.displayPrefix), .bytes(key.digest), .text(terms.name),
                .int(terms.rateLimitPerMinute), Value(terms.maxItems), .text(terms.kind.rawValue),
                .bool(terms.scopes.contains(.read)), .bool(terms.scopes.contains(.write)),
                terms.networks.isEmpty ? .null : .texts(terms.networks.map(\.description)), Value(terms.expiresAt),
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
        return Made(key: key, keyID: keyID, userID: userID)
    }

    /// Revokes the one key that an id or the beginning of a key names; false if it was revoked before.
    ///
    /// Throws ``EngineFault`` as `unknownKey` or `ambiguousKey` where it names none, or several.
    public static func revoke(_ name: String, _ session: Session) throws -> Bool {
        let rows = try session.query(
            """
            SELECT user_id, key_id, revoked_at IS NOT NULL AS is_revoked FROM daybook.api_key
            WHERE key_id::text = lower($1) OR (prefix <> '' AND starts_with($1, prefix))
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
