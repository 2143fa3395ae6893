import Domain
public import Postgres

/// The keys of the Batch API: made, listed, revoked, and recognised.
///
/// Those that a deployment keeps in clear (`enterprise_api_keys`) are recognised as well.
public struct Keys {
    private let session: Session

    public init(_ session: Session) {
        self.session = session
    }

    /// Recognises a key and counts the request against its limit. Run it outside of a transaction: a request that was
    /// refused later has still been made.
    public func admit(_ text: String) throws -> Admission {
        guard let found = try find(text) else { return .unknownKey }
        guard found.isCustomerActive else { return .inactiveCustomer }
        let caller = found.caller
        let row = try session.query(
            "SELECT is_within, remaining, wait_micros FROM daybook.spend_allowance($1, $2, $3::integer)",
            [.uuid(caller.userID), caller.keyID.map(Value.uuid) ?? .null, .int(caller.rateLimitPerMinute)])[0]
        let allowance = Allowance(
            isWithin: try row.bool("is_within"), perMinute: caller.rateLimitPerMinute,
            remaining: try row.int("remaining"), waitMicroseconds: try row.int("wait_micros"))
        return allowance.isWithin ? .admitted(caller, allowance) : .tooMany(caller, allowance)
    }

    private struct Found {
        let caller: Caller
        let isCustomerActive: Bool
    }

    private func find(_ text: String) throws -> Found? {
        if let key = APIKey(text) { return try find(key) }
        // A key of ours that is mistyped is nobody's; anything longer was never given out.
        guard !APIKey.isOurs(text), (1...Limits.clearKeyLength).contains(text.utf8.count) else { return nil }
        return try findInClear(text)
    }

    private func find(_ key: APIKey) throws -> Found? {
        let hexadecimal = Array(key.hexDigest.utf8)
        let rows = try session.query(
            """
            SELECT k.user_id, k.key_id, encode(k.sha256, 'hex') AS sha256, k.rate_limit_per_minute, k.batch_item_limit,
                k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - interval '1 minute' AS is_unseen,
                coalesce(u.status, 'active') = 'active' AS is_active
            FROM daybook.api_key AS k JOIN public.users AS u ON u.id = k.user_id
            WHERE k.sha256 = $1 AND k.revoked_at IS NULL
            """, [.bytes(key.digest)])
        for row in rows where try ConstantTime.areEqual(Array(row.text("sha256").utf8), hexadecimal) {
            let userID = try row.uuid("user_id")
            let keyID = try row.uuid("key_id")
            // Once a minute is enough for people, and spares a write with each request.
            if try row.bool("is_unseen") {
                try session.execute(
                    """
                    UPDATE daybook.api_key SET last_used_at = clock_timestamp()
                    WHERE user_id = $1 AND key_id = $2
                    """, [.uuid(userID), .uuid(keyID)])
            }
            return Found(
                caller: Caller(
                    userID: userID, keyID: keyID, rateLimitPerMinute: try row.int("rate_limit_per_minute"),
                    maxItems: Int(try row.int("batch_item_limit"))),
                isCustomerActive: try row.bool("is_active"))
        }
        return nil
    }

    private func findInClear(_ text: String) throws -> Found? {
        let rows = try session.query(
            """
            SELECT k.user_id, k.id, k.api_key, least(greatest(k.rate_limit_per_min, 1), 1000000)::bigint AS per_minute,
                coalesce(u.status, 'active') = 'active' AS is_active
            FROM public.enterprise_api_keys AS k JOIN public.users AS u ON u.id = k.user_id
            WHERE k.api_key = $1 AND k.is_active ORDER BY k.created_at, k.id LIMIT 1
            """, [.text(text)])
        guard let row = rows.first, try ConstantTime.areEqual(Array(row.text("api_key").utf8), Array(text.utf8)) else {
            return nil
        }
        return Found(
            caller: Caller(
                userID: try row.uuid("user_id"), keyID: try row.uuid("id"),
                rateLimitPerMinute: try row.int("per_minute"), maxItems: Limits.batchItems),
            isCustomerActive: try row.bool("is_active"))
    }
}

/// Whether somebody who shows a key may go on.
public enum Admission: Sendable, Hashable {
    case admitted(Caller, Allowance)
    /// The key is known, but it has asked too often.
    case tooMany(Caller, Allowance)
    /// No such key, or no longer.
    case unknownKey
    /// The customer is not active.
    case inactiveCustomer
}

/// Who calls: the customer, by one of their keys.
public struct Caller: Sendable, Hashable {
    public let userID: String
    /// The key's id, a UUID; nil for a caller without one, such as a demonstration.
    public let keyID: String?
    /// Requests per minute.
    public let rateLimitPerMinute: Int64
    /// Items of one batch.
    public let maxItems: Int

    public init(userID: String, keyID: String?, rateLimitPerMinute: Int64, maxItems: Int) {
        self.userID = userID
        self.keyID = keyID
        self.rateLimitPerMinute = rateLimitPerMinute
        self.maxItems = maxItems
    }
}

/// What is left of a key's rate limit after a request.
public struct Allowance: Sendable, Hashable {
    /// False if the request is one too many.
    public let isWithin: Bool
    /// Requests per minute, which is also how many may come at once.
    public let perMinute: Int64
    /// Requests that may come at once now.
    public let remaining: Int64
    /// Microseconds until the whole minute's requests may come at once again; where this request was one too many,
    /// until the next is possible.
    public let waitMicroseconds: Int64

    /// ``waitMicroseconds`` as seconds, rounded up.
    public var waitSeconds: Int64 { (waitMicroseconds + 999_999) / 1_000_000 }
}
