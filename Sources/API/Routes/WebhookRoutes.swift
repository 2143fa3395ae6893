import BatchEngine
import Domain
import Formats
import Hummingbird
import Postgres

/// `/webhook-endpoints` and `/webhook-deliveries`: who is told of batches, and what became of it.
struct WebhookRoutes: Sendable {
    let pool: ConnectionPool
    let rules: RequestRules

    func add(to group: RouterGroup<APIContext>) {
        group.path("webhook-endpoints", [.get: list, .post: create])
        group.path("webhook-endpoints/:id", [.get: read])
        group.path("webhook-endpoints/:id/rotate", [.post: rotate])
        group.path("webhook-endpoints/:id/disable", [.post: disable])
        group.path("webhook-endpoints/:id/enable", [.post: enable])
        group.path("webhook-deliveries", [.get: deliveries])
        group.path("webhook-deliveries/replay", [.post: replay])
    }

    @Sendable private func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let userID = context.authenticatedCaller.userID
        let endpoints = try await pool.run { try WebhookEndpoints($0, of: userID).list() }
        return Response([
            "ok": true, "endpoints": .array(endpoints.map { .object(WireFormat.endpoint($0, showsSecret: false)) }),
        ])
    }

    @Sendable private func create(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try BodyReader(JSON(parsing: try await RequestBody.bytes(of: request)), known: ["url"])
        guard let url = try body.webhookURL("url", rules, isRequired: true) else {
            throw InvalidRequest("url", "is missing")
        }
        let userID = context.authenticatedCaller.userID
        let endpoint = try await pool.transaction { try WebhookEndpoints($0, of: userID).create(url) }
        guard let endpoint else {
            throw InvalidRequest(
                "url", "would be one too many: there are \(Limits.webhookEndpoints) standing addresses already")
        }
        return Response(body.answer(Self.answer(endpoint, showsSecret: true)))
    }

    @Sendable private func read(_ request: Request, _ context: APIContext) async throws -> Response {
        try await one(context) { try $0.find($1) }
    }

    @Sendable private func rotate(_ request: Request, _ context: APIContext) async throws -> Response {
        let bytes = try await RequestBody.bytes(of: request)
        let body = try BodyReader(bytes.isEmpty ? [:] : JSON(parsing: bytes), known: ["keep_hours"])
        let hours =
            try body.number("keep_hours", within: Limits.webhookRotationHours) ?? Limits.webhookRotationHoursStandard
        return try await one(context, body) { try $0.rotate($1, keepingHours: hours) }
    }

    @Sendable private func disable(_ request: Request, _ context: APIContext) async throws -> Response {
        try await one(context) { try $0.disable($1) }
    }

    @Sendable private func enable(_ request: Request, _ context: APIContext) async throws -> Response {
        try await one(context) { try $0.enable($1) }
    }

    private func one(
        _ context: APIContext, _ body: BodyReader? = nil,
        _ call: @escaping @Sendable (WebhookEndpoints, String) throws -> WebhookEndpoint?
    ) async throws -> Response {
        let unknown = APIError(.notFound, "There is no webhook endpoint with this id.")
        guard let endpointID = context.parameters.get("id").flatMap(UUIDInPath.parse) else { throw unknown }
        let userID = context.authenticatedCaller.userID
        let endpoint = try await pool.transaction { try call(WebhookEndpoints($0, of: userID), endpointID) }
        guard let endpoint else { throw unknown }
        // Who knows a secret can make messages: it is not for a key that may only read.
        let answer = Self.answer(endpoint, showsSecret: context.authenticatedCaller.scopes.contains(.write))
        return Response(body?.answer(answer) ?? answer)
    }

    private static func answer(_ endpoint: WebhookEndpoint, showsSecret: Bool) -> JSON {
        .object([JSON.Member("ok", true)] + WireFormat.endpoint(endpoint, showsSecret: showsSecret))
    }

    @Sendable private func deliveries(_ request: Request, _ context: APIContext) async throws -> Response {
        let query = QueryReader(request)
        let (batchID, endpointID) = (try query.id("batch_id"), try query.id("endpoint_id"))
        let state = try query.choice("state", WebhookDeliveryView.State.allCases)
        let limit = try query.limit(Limits.deliveriesPage)
        let offset = try query.offset()
        let userID = context.authenticatedCaller.userID
        let page = try await pool.transaction(.snapshot) { session in
            try WebhookEndpoints(session, of: userID).deliveries(
                of: batchID, to: endpointID, state, limit: limit, offset: offset)
        }
        return Response([
            "ok": true, "deliveries": .array(page.elements.map(WireFormat.delivery)), "total": .integer(page.total),
            "limit": .integer(limit), "offset": .integer(offset),
        ])
    }

    @Sendable private func replay(_ request: Request, _ context: APIContext) async throws -> Response {
        let body = try BodyReader(
            JSON(parsing: try await RequestBody.bytes(of: request)),
            known: ["event_id", "endpoint_id", "from", "to", "missing"])
        let eventID = try body.text("event_id").map { text in
            guard let id = WebhookEventID.uuid(of: text) else {
                throw InvalidRequest("event_id", "must be an event's id, as webhook-id has it")
            }
            return id
        }
        let replay = WebhookEndpoints.Replay(
            eventID: eventID, endpointID: try body.id("endpoint_id"), from: try body.instant("from"),
            to: try body.instant("to"), isMissingOnly: try body.flag("missing") ?? (eventID == nil))
        let userID = context.authenticatedCaller.userID
        let count = try await pool.transaction { try WebhookEndpoints($0, of: userID).replay(replay) }
        return Response(body.answer(["ok": true, "due": .integer(count)]))
    }
}

extension WireFormat {
    static func endpoint(_ endpoint: WebhookEndpoint, showsSecret: Bool) -> [JSON.Member] {
        var members = [
            JSON.Member("endpoint_id", .string(endpoint.endpointID)), JSON.Member("url", .text(endpoint.url)),
            JSON.Member("enabled", .bool(endpoint.disabledAt == nil)),
            JSON.Member("created_at", .string(endpoint.createdAt.description)),
            JSON.Member("disabled_at", .text(endpoint.disabledAt?.description)),
            JSON.Member("disabled_because", .text(endpoint.disabledBecause)),
            JSON.Member("earlier_secret_until", .text(endpoint.earlierUntil?.description)),
        ]
        if showsSecret {
            members.append(JSON.Member("secret", .string(endpoint.secret.text)))
            members.append(JSON.Member("earlier_secret", .text(endpoint.earlierSecret?.text)))
        }
        return members
    }

    static func delivery(_ delivery: WebhookDeliveryView) -> JSON {
        [
            "event_id": .string(delivery.eventID), "event": .string(delivery.event),
            "batch_id": .string(delivery.batchID), "endpoint_id": .string(delivery.endpointID),
            "url": .string(delivery.url), "state": .string(delivery.state.rawValue),
            "created_at": .string(delivery.toldAt.description),
            "next_attempt_at": .text(delivery.nextAttemptAt?.description),
            "attempts": .array(
                delivery.attempts.map { attempt in
                    [
                        "attempted_at": .string(attempt.attemptedAt.description),
                        "status": attempt.status.map { .integer($0) } ?? .null,
                        "milliseconds": .integer(attempt.milliseconds), "failure": .text(attempt.failure),
                    ]
                }),
        ]
    }
}
