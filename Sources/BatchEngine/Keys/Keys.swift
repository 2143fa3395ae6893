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
    ///
    /// - Parameter address: From where it was shown; without one, a key that is bound to networks is refused.
    public func admit(_ text: String, from address: String? = nil) throws -> Admission {
        guard let found = try find(text) else { return .unknownKey }
        let caller = found.caller
        // Before anything else: whoever took a key and calls from elsewhere learns nothing and uses nothing up.
        if let networks = found.networks {
            guard let address = address.flatMap({ InternetAddress($0) }),
                networks.contains(where: { $0.contains(address) })
            else { return .foreignAddress(caller) }
        }
        guard !found.isExpired else { return .expired(caller) }
        guard found.isCustomerActive else { return .inactiveCustomer }
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
        var isExpired = false
        /// From where the key may be used; nil for everywhere.
        var networks: [InternetNetwork]?
    }

    private func find(_ text: String) throws -> Found? {
        // A key of ours that is mistyped is nobody's; anything longer was never given out.
        guard !APIKey.isOurs(text) || APIKey(text) != nil, (1...Limits.clearKeyLength).contains(text.utf8.count) else {
            return nil
        }
        if let found = try find(digest: APIKey.digest(of: text)) { return found }
        return APIKey.isOurs(text) ? nil : try findInClear(text)
    }

    /// Our own keys, and an application's that were taken over.
    private func find(digest: [UInt8]) throws -> Found? {
        let rows = try session.query(
            """
            SELECT k.user_id, k.key_id, k.sha256, k.kind, k.rate_limit_per_minute, k.batch_item_limit, k.may_read,
                k.may_write, k.allowed_networks::text[] AS networks,
                coalesce(k.expires_at <= daybook.clock(), false) AS is_expired,
                coalesce(u.status, 'active') = 'active' AS is_active
            FROM daybook.api_key AS k JOIN public.users AS u ON u.id = k.user_id
            WHERE k.sha256 = $1 AND k.revoked_at IS NULL ORDER BY k.created_at, k.key_id
            """, [.bytes(digest)])
        for row in rows where try ConstantTime.areEqual(row.optionalBytes("sha256") ?? [], digest) {
            var scopes: Set<KeyScope> = []
            if try row.bool("may_read") { scopes.insert(.read) }
            if try row.bool("may_write") { scopes.insert(.write) }
            return Found(
                caller: Caller(
                    userID: try row.uuid("user_id"), keyID: try row.uuid("key_id"),
                    rateLimitPerMinute: try row.int("rate_limit_per_minute"),
                    maxItems: Int(try row.int("batch_item_limit")), scopes: scopes,
                    isPilot: try row.text("kind") == KeyKind.pilot.rawValue),
                isCustomerActive: try row.bool("is_active"), isExpired: try row.bool("is_expired"),
                networks: try row.optionalTexts("networks").map { try $0.map { text in try InternetNetwork(text) } })
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

/// What a key lets its holder do.
public enum KeyScope: String, Sendable, Hashable, CaseIterable {
    /// Ask for what there is.
    case read
    /// Make, cancel and change.
    case write
}

/// Where a key comes from.
public enum KeyKind: String, Sendable, Hashable {
    case live, pilot
    /// An application gave it out, and it was taken over as a digest.
    case adopted
    /// An application gave it out, and keeps it in clear.
    case clear
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
    /// The key's time is over.
    case expired(Caller)
    /// The key is not meant for the address that it was shown from.
    case foreignAddress(Caller)
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
    /// What the key lets them do.
    public let scopes: Set<KeyScope>
    /// True for a key to try things out.
    public let isPilot: Bool

    public init(
        userID: String, keyID: String?, rateLimitPerMinute: Int64, maxItems: Int,
        scopes: Set<KeyScope> = Set(KeyScope.allCases), isPilot: Bool = false
    ) {
        self.userID = userID
        self.keyID = keyID
        self.rateLimitPerMinute = rateLimitPerMinute
        self.maxItems = maxItems
        self.scopes = scopes
        self.isPilot = isPilot
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
