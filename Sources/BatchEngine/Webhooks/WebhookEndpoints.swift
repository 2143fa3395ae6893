public import Domain
import Formats
public import Postgres

/// Who is told of a customer's batches, and what became of it.
public struct WebhookEndpoints {
    private let session: Session
    private let userID: String

    public init(_ session: Session, of userID: String) {
        self.session = session
        self.userID = userID
    }

    private static let columns = """
        endpoint_id, url, encode(secret, 'hex') AS secret,
        CASE WHEN earlier_until > daybook.clock() THEN encode(earlier_secret, 'hex') END AS earlier_secret,
        CASE WHEN earlier_until > daybook.clock() THEN earlier_until END AS earlier_until, created_at, disabled_at,
        disabled_because
        """

    /// All of them, the oldest first.
    public func list() throws -> [WebhookEndpoint] {
        try session.query(
            """
            SELECT \(Self.columns) FROM daybook.webhook_endpoint WHERE user_id = $1 ORDER BY created_at, endpoint_id
            """, [.uuid(userID)]
        ).map(WebhookEndpoint.init)
    }

    public func find(_ endpointID: String) throws -> WebhookEndpoint? {
        try session.query(
            "SELECT \(Self.columns) FROM daybook.webhook_endpoint WHERE user_id = $1 AND endpoint_id = $2",
            [.uuid(userID), .uuid(endpointID)]
        ).first.map(WebhookEndpoint.init)
    }

    /// Makes a standing address; one that is there already stays what it is. Nil where there are as many as may be.
    public func create(_ url: String) throws -> WebhookEndpoint? {
        // One after the other, so that the bound holds.
        try session.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('daybook.webhook_endpoint ' || $1, 0))", [.text(userID)])
        let rows = try session.query(
            """
            INSERT INTO daybook.webhook_endpoint (user_id, url, created_at)
            SELECT $1, $2, daybook.clock()
            WHERE (
                SELECT count(*) FROM daybook.webhook_endpoint WHERE user_id = $1 AND url IS NOT NULL AND url <> $2
            ) < $3
            ON CONFLICT (user_id, url) DO UPDATE SET url = excluded.url
            RETURNING \(Self.columns)
            """, [.uuid(userID), .text(url), Value(Limits.webhookEndpoints)])
        return try rows.first.map(WebhookEndpoint.init)
    }

    /// Gives an endpoint a new secret; the one of before signs too, for so many hours. Nil where there is no such
    /// endpoint.
    public func rotate(_ endpointID: String, keepingHours: Int64) throws -> WebhookEndpoint? {
        try session.query(
            """
            UPDATE daybook.webhook_endpoint
            SET earlier_secret = CASE WHEN $3 > 0 THEN secret END,
                earlier_until = CASE WHEN $3 > 0 THEN daybook.clock() + $3 * interval '1 hour' END,
                secret = uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
            WHERE user_id = $1 AND endpoint_id = $2
            RETURNING \(Self.columns)
            """, [.uuid(userID), .uuid(endpointID), .int(keepingHours)]
        ).first.map(WebhookEndpoint.init)
    }

    /// Nothing is sent by it any more, and what waits is given up. Nil where there is no such endpoint.
    public func disable(_ endpointID: String) throws -> WebhookEndpoint? {
        try session.execute(
            "SELECT daybook.disable_endpoint($1, $2, 'Disabled by the customer.')",
            [.uuid(userID), .uuid(endpointID)])
        return try find(endpointID)
    }

    /// What batches tell from now on is sent again. Nil where there is no such endpoint.
    public func enable(_ endpointID: String) throws -> WebhookEndpoint? {
        try session.execute(
            """
            UPDATE daybook.webhook_endpoint SET disabled_at = NULL, disabled_because = NULL, consecutive_misses = 0
            WHERE user_id = $1 AND endpoint_id = $2
            """, [.uuid(userID), .uuid(endpointID)])
        return try find(endpointID)
    }

    /// Deliveries, the newest first, each with its attempts.
    public func deliveries(
        of batchID: String?, to endpointID: String?, _ state: WebhookDeliveryView.State?, limit: Int64, offset: Int64
    ) throws -> Page<WebhookDeliveryView, Never> {
        let filter: [Value] = [
            .uuid(userID), batchID.map(Value.uuid) ?? .null, endpointID.map(Value.uuid) ?? .null,
            Value(state?.rawValue),
        ]
        let source = """
            FROM daybook.webhook_event AS v
            JOIN daybook.webhook_delivery AS d ON d.user_id = v.user_id AND d.event_id = v.event_id
            WHERE v.user_id = $1 AND ($2::uuid IS NULL OR v.batch_id = $2)
                AND ($3::uuid IS NULL OR d.endpoint_id = $3) AND ($4::text IS NULL OR d.state = $4)
            """
        let total = try session.query("SELECT count(*) \(source)", filter)[0].int(0)
        let rows = try session.query(
            """
            SELECT d.event_id, d.endpoint_id, d.url, d.state, d.next_attempt_at, v.event, v.batch_id, v.told_at
            \(source) ORDER BY v.told_at DESC, d.event_id, d.endpoint_id LIMIT $5 OFFSET $6
            """, filter + [.int(limit), .int(offset)])
        return Page(
            elements: try rows.map { row in
                let attempts = try session.query(
                    """
                    SELECT attempted_at, status::bigint AS status, milliseconds, failure FROM daybook.webhook_attempt
                    WHERE user_id = $1 AND event_id = $2 AND endpoint_id = $3 ORDER BY attempt_id
                    """, [.uuid(userID), .uuid(row.uuid("event_id")), .uuid(row.uuid("endpoint_id"))])
                return try WebhookDeliveryView(row, attempts)
            }, total: total, next: nil)
    }

    /// Which deliveries are sent again.
    public struct Replay: Sendable, Hashable {
        public var eventID: String?
        public var endpointID: String?
        /// The first instant of events.
        public var from: Instant?
        /// The first instant after the last.
        public var to: Instant?
        /// True leaves out what arrived.
        public var isMissingOnly: Bool

        public init(eventID: String?, endpointID: String?, from: Instant?, to: Instant?, isMissingOnly: Bool) {
            self.eventID = eventID
            self.endpointID = endpointID
            self.from = from
            self.to = to
            self.isMissingOnly = isMissingOnly
        }
    }

    /// Sends again, with the ids and bytes of before; gives how many are due by that.
    public func replay(_ replay: Replay) throws -> Int64 {
        try session.query(
            "SELECT daybook.replay_deliveries($1, $2, $3, $4, $5, $6)",
            [
                .uuid(userID), replay.eventID.map(Value.uuid) ?? .null, replay.endpointID.map(Value.uuid) ?? .null,
                Value(replay.from), Value(replay.to), .bool(replay.isMissingOnly),
            ])[0].int(0)
    }
}

/// Who is told of a customer's batches.
public struct WebhookEndpoint: Sendable, Hashable {
    public let endpointID: String
    /// The standing address; nil for those that batches name themselves.
    public let url: String?
    public let secret: WebhookSecret
    /// The secret of before a rotation, as long as it signs too.
    public let earlierSecret: WebhookSecret?
    public let earlierUntil: Instant?
    public let createdAt: Instant
    public let disabledAt: Instant?
    public let disabledBecause: String?

    init(_ row: Row) throws {
        endpointID = try row.uuid("endpoint_id")
        url = try row.optionalText("url")
        guard let secret = Hexadecimal.bytes(try row.text("secret")).flatMap(WebhookSecret.init(bytes:)) else {
            preconditionFailure("the table holds secrets of 24 to 64 bytes")
        }
        self.secret = secret
        earlierSecret = try row.optionalText("earlier_secret").flatMap { Hexadecimal.bytes($0) }
            .flatMap(WebhookSecret.init(bytes:))
        earlierUntil = try row.optionalInstant("earlier_until")
        createdAt = try row.instant("created_at")
        disabledAt = try row.optionalInstant("disabled_at")
        disabledBecause = try row.optionalText("disabled_because")
    }
}

/// An event's way to an address as its customer sees it.
public struct WebhookDeliveryView: Sendable, Hashable {
    public enum State: String, Sendable, Hashable, CaseIterable {
        case due, delivered, failed
    }

    public struct Attempt: Sendable, Hashable {
        public let attemptedAt: Instant
        public let status: Int64?
        public let milliseconds: Int64
        public let failure: String?
    }

    /// As receivers see it.
    public let eventID: String
    public let event: String
    public let batchID: String
    public let endpointID: String
    public let url: String
    public let state: State
    public let toldAt: Instant
    public let nextAttemptAt: Instant?
    public let attempts: [Attempt]

    init(_ row: Row, _ attempts: [Row]) throws {
        eventID = WebhookEventID.text(of: try row.uuid("event_id"))
        event = try row.text("event")
        batchID = try row.uuid("batch_id")
        endpointID = try row.uuid("endpoint_id")
        url = try row.text("url")
        state = State(rawValue: try row.text("state")) ?? .due
        toldAt = try row.instant("told_at")
        nextAttemptAt = try row.optionalInstant("next_attempt_at")
        self.attempts = try attempts.map {
            Attempt(
                attemptedAt: try $0.instant("attempted_at"), status: try $0.optionalInt("status"),
                milliseconds: try $0.int("milliseconds"), failure: try $0.optionalText("failure"))
        }
    }
}
