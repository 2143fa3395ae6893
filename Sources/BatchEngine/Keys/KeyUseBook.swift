public import Domain
public import Postgres

/// Who used which key for what since it was last written: a pure value, which is told the time in milliseconds of any
/// clock that only rises.
///
/// It has as many entries as keys were used and calls there are, however often they are made.
public struct KeyUseBook: Sendable {
    private struct Key: Hashable {
        let userID: String
        let keyID: String
    }

    private struct Calls {
        var count: Int64 = 0
        var errors: Int64 = 0
        var firstAt: Int64
        var lastAt: Int64
    }

    private struct Use {
        let address: String?
        let at: Int64
    }

    private var calls: [Key: [String: Calls]] = [:]
    private var lastUses: [Key: Use] = [:]

    public init() {}

    public var isEmpty: Bool { calls.isEmpty }

    /// Notes a call by somebody with a key, which began at an instant.
    ///
    /// - Parameters:
    ///   - endpoint: Method and route, never what a caller made up.
    ///   - isAdmitted: False where the key was known and not let in: that is no use of it.
    public mutating func note(
        _ caller: Caller, _ endpoint: String, isError: Bool, isAdmitted: Bool, from address: String?, at now: Int64
    ) {
        guard let keyID = caller.keyID else { return }
        let key = Key(userID: caller.userID, keyID: keyID)
        var call = calls[key]?[endpoint] ?? Calls(firstAt: now, lastAt: now)
        call.count += 1
        call.errors += isError ? 1 : 0
        call.firstAt = min(call.firstAt, now)
        call.lastAt = max(call.lastAt, now)
        calls[key, default: [:]][endpoint] = call
        if isAdmitted { lastUses[key] = Use(address: address, at: now) }
    }

    /// Takes back what could not be written.
    public mutating func add(_ earlier: KeyUseBook) {
        for (key, byEndpoint) in earlier.calls {
            for (endpoint, call) in byEndpoint {
                var sum = calls[key]?[endpoint] ?? Calls(firstAt: call.firstAt, lastAt: call.lastAt)
                sum.count += call.count
                sum.errors += call.errors
                sum.firstAt = min(sum.firstAt, call.firstAt)
                sum.lastAt = max(sum.lastAt, call.lastAt)
                calls[key, default: [:]][endpoint] = sum
            }
        }
        lastUses.merge(earlier.lastUses) { $0.at >= $1.at ? $0 : $1 }
    }

    /// Writes all of it. Run it in a transaction.
    public func write(at now: Int64, _ session: Session) throws {
        let rows = calls.flatMap { key, byEndpoint in byEndpoint.map { (key, $0, $1) } }
        try session.execute(
            "SELECT daybook.note_key_usage($1, $2, $3, $4, $5, $6, $7)",
            [
                .uuids(rows.map(\.0.userID)), .uuids(rows.map(\.0.keyID)), .texts(rows.map(\.1)),
                .ints(rows.map(\.2.count)), .ints(rows.map(\.2.errors)),
                .ints(rows.map { max(now - $0.2.firstAt, 0) * 1000 }),
                .ints(rows.map { max(now - $0.2.lastAt, 0) * 1000 }),
            ])
        let uses = Array(lastUses)
        try session.execute(
            "SELECT daybook.note_last_use($1, $2, $3, $4)",
            [
                .uuids(uses.map(\.key.userID)), .uuids(uses.map(\.key.keyID)),
                .array(uses.map { Value($0.value.address) }, of: .text),
                .ints(uses.map { max(now - $0.value.at, 0) * 1000 }),
            ])
    }
}

extension Keys {
    /// What a key was used for on one day of UTC.
    public struct Usage: Sendable, Hashable {
        public let day: CalendarDate
        public let keyID: String
        public let userID: String
        /// The method and the route; of what an application logged itself what it calls it.
        public let endpoint: String
        public let calls: Int64
        /// Answers that were refusals or failures; nil of what the request log alone tells, which does not say.
        public let errors: Int64?
        public let lastAt: Instant
    }

    /// The use of keys on the last days, today's included: what servers counted, and of what they did not serve, or did
    /// before they counted, what the request log has.
    ///
    /// - Parameter keyID: The one key that it is about; nil for all.
    public static func usage(of keyID: String?, days: Int64, _ session: Session) throws -> [Usage] {
        try session.query(
            """
            WITH since AS (
                SELECT ((daybook.clock() AT TIME ZONE 'UTC')::date - ($2::bigint - 1)::integer) AS day
            ), counted AS (
                -- A server's own clock and the database's differ by less, as does a call's beginning from its row.
                SELECT min(first_at) - interval '1 second' AS at FROM daybook.key_usage
            )
            SELECT g.user_id, g.key_id, g.day, g.endpoint, g.calls, g.errors, g.last_at
            FROM daybook.key_usage AS g, since AS s WHERE g.day >= s.day AND ($1::uuid IS NULL OR g.key_id = $1::uuid)
            UNION ALL
            SELECT k.user_id, k.id, (u.created_at AT TIME ZONE 'UTC')::date AS day, coalesce(u.endpoint, ''), count(*),
                NULL, max(u.created_at)
            FROM public.enterprise_api_usage AS u
            JOIN public.enterprise_api_keys AS k ON k.id = u.api_key_id, since AS s, counted AS c
            WHERE u.created_at >= s.day::timestamp AT TIME ZONE 'UTC' AND ($1::uuid IS NULL OR k.id = $1::uuid)
                AND (c.at IS NULL OR u.created_at < c.at OR coalesce(u.endpoint, '') !~ '^(/api)?(/v1)?/batches$')
            GROUP BY 1, 2, 3, 4
            ORDER BY day, user_id, key_id, endpoint, errors NULLS LAST
            """, [keyID.map(Value.uuid) ?? .null, .int(days)]
        ).map { row in
            Usage(
                day: try row.date("day"), keyID: try row.uuid("key_id"), userID: try row.uuid("user_id"),
                endpoint: try row.text("endpoint"), calls: try row.int("calls"),
                errors: try row.optionalInt("errors"), lastAt: try row.instant("last_at"))
        }
    }
}
