import BatchEngine
import Domain
import Formats
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Postgres

/// `/batches`: create, find, read, cancel.
struct BatchRoutes: Sendable {
    let pool: ConnectionPool
    let rules: RequestRules

    func add(to group: RouterGroup<APIContext>) {
        group.path("batches", [.get: list, .post: create])
        group.path("batches/:id", [.get: read, .patch: redirect])
        group.path("batches/:id/items", [.get: items])
        group.path("batches/:id/results", [.get: results])
        group.path("batches/:id/receipt", [.get: receipt])
        group.path("batches/:id/cancel", [.post: cancel])
    }

    @Sendable private func create(_ request: Request, _ context: APIContext) async throws -> Response {
        let caller = context.authenticatedCaller
        let body = try JSON(parsing: try await RequestBody.bytes(of: request))
        var rules = rules
        rules.maxItems = min(rules.maxItems, caller.maxItems)
        rules.isPilot = caller.isPilot
        var named = try BatchRequest(body, requestID: Self.requestID(of: request), rules: rules)
        // Every batch can be asked for again by its name; who gives none is told one.
        named.requestID = named.requestID ?? UUID().uuidString.lowercased()
        let batchRequest = named
        let origin = RequestOrigin(
            endpoint: request.uri.path, address: context.remoteAddress, userAgent: request.headers[.userAgent])
        let outcome = try await pool.run { session in
            try Batches(session, of: caller.userID).create(batchRequest, by: caller.keyID, from: origin)
        }
        switch outcome {
        case .created(let batch, let available):
            return Response(
                WireFormat.created(
                    batch, available: available, isReplay: false, unknown: batchRequest.unknownMembers))
        case .replayed(let batch, let available):
            return Response(
                WireFormat.created(batch, available: available, isReplay: true, unknown: batchRequest.unknownMembers))
        case .conflict:
            throw APIError(
                .idempotencyConflict,
                "This request_id was used for another batch; a new batch needs a new request_id.")
        case .insufficient(let required, let available):
            var error = APIError(
                .insufficientCredits,
                "The batch costs \(required) credits, and \(available) can be spent on it. Nothing was stored.")
            error.members = [
                JSON.Member("required", .integer(required)), JSON.Member("available", .integer(available)),
                JSON.Member("required_credits", .integer(required)),
                JSON.Member("available_credits", .integer(available)),
            ]
            throw error
        }
    }

    /// The newest first. Who lost a batch_id finds it by its request_id.
    @Sendable private func list(_ request: Request, _ context: APIContext) async throws -> Response {
        let query = QueryReader(request)
        let requestID = query.text("request_id")
        let status = try query.choice("status", BatchStatus.allCases)
        let limit = try query.limit(Limits.batchesPage)
        let cursor = try query.cursor(BatchCursor.self)
        let userID = context.authenticatedCaller.userID
        let listing = try await pool.run { session in
            try Batches(session, of: userID).list(requestID: requestID, status: status, limit: limit, after: cursor)
        }
        return Response(WireFormat.batches(listing, limit: limit))
    }

    @Sendable private func read(_ request: Request, _ context: APIContext) async throws -> Response {
        let batchID = try Self.batchID(context)
        let userID = context.authenticatedCaller.userID
        let batch = try await pool.run { try Batches($0, of: userID).summary(batchID) }
        guard let batch else { throw Self.unknownBatch }
        return Response(WireFormat.batch(batch))
    }

    @Sendable private func items(_ request: Request, _ context: APIContext) async throws -> Response {
        let batchID = try Self.batchID(context)
        let query = QueryReader(request)
        let status = try query.choice("status", ItemView.Status.allCases)
        let limit = try query.limit(Limits.itemsPage)
        let offset = try query.offset()
        let place = try query.cursor(ItemCursor.self).map { ItemPlace.after($0) } ?? .offset(offset)
        let userID = context.authenticatedCaller.userID
        let page = try await pool.transaction(.snapshot) { session in
            try Batches(session, of: userID).items(batchID, status: status, limit: limit, from: place)
        }
        guard let page else { throw Self.unknownBatch }
        return Response(try WireFormat.items(page, limit: limit, offset: offset))
    }

    /// What has ended, a line each, as often as it is asked for with the cursor of before.
    @Sendable private func results(_ request: Request, _ context: APIContext) async throws -> Response {
        let batchID = try Self.batchID(context)
        let query = QueryReader(request)
        let limit = try query.limit(Limits.resultsPage)
        let cursor = try query.cursor(ResultCursor.self) ?? .none
        let userID = context.authenticatedCaller.userID
        let results = try await pool.transaction(.snapshot) { session in
            try Batches(session, of: userID).results(batchID, limit: limit, after: cursor)
        }
        guard let results else { throw Self.unknownBatch }
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/jsonl", .cacheControl: "no-store", .nextCursor: results.next.text,
                .resultsComplete: results.isComplete ? "true" : "false",
            ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: WireFormat.lines(results.items))))
    }

    /// The document that `daybook ledger receipt` writes of the batch.
    @Sendable private func receipt(_ request: Request, _ context: APIContext) async throws -> Response {
        let batchID = try Self.batchID(context)
        let userID = context.authenticatedCaller.userID
        let outcome = try await pool.transaction(.snapshot) { try Batches($0, of: userID).receipt(batchID) }
        switch outcome {
        case .receipt(let receipt):
            return Response(["ok": true, "receipt": try JSON(parsing: CanonicalJSON.encode(receipt))])
        case .notOurs:
            throw APIError(.receiptNotFound, "The batch was not made here, and has no receipt by this way.")
        case .notFound: throw Self.unknownBatch
        }
    }

    @Sendable private func cancel(_ request: Request, _ context: APIContext) async throws -> Response {
        let batchID = try Self.batchID(context)
        let userID = context.authenticatedCaller.userID
        let outcome = try await pool.transaction { try Batches($0, of: userID).cancel(batchID) }
        switch outcome {
        case .cancelled(let batch): return Response(WireFormat.cancelled(batch))
        case .finished(let batch):
            throw APIError(.batchNotCancellable, "The batch has ended already: it is \(batch.status.rawValue).")
        case .notOurs: throw APIError(.batchNotCancellable, "The batch was not made here and runs elsewhere.")
        case .notFound: throw Self.unknownBatch
        }
    }

    /// The one thing about a batch that can be changed while it runs: a `webhook_url` that was wrong.
    @Sendable private func redirect(_ request: Request, _ context: APIContext) async throws -> Response {
        let batchID = try Self.batchID(context)
        let body = try BodyReader(JSON(parsing: try await RequestBody.bytes(of: request)), known: ["webhook_url"])
        let url = try body.webhookURL("webhook_url", rules, isRequired: true)
        let userID = context.authenticatedCaller.userID
        let outcome = try await pool.transaction { try Batches($0, of: userID).redirect(batchID, to: url) }
        switch outcome {
        case .redirected(let batch): return Response(body.answer(WireFormat.batch(batch)))
        case .finished(let batch):
            throw APIError(
                .batchFinished,
                "The batch has ended already: it is \(batch.status.rawValue). Send again what is missing.")
        case .notOurs: throw APIError(.batchFinished, "The batch was not made here and runs elsewhere.")
        case .notFound: throw Self.unknownBatch
        }
    }

    private static var unknownBatch: APIError { APIError(.batchNotFound, "There is no batch with this id.") }

    private static func batchID(_ context: APIContext) throws -> String {
        guard let text = context.parameters.get("id"), let batchID = UUIDInPath.parse(text) else { throw unknownBatch }
        return batchID
    }

    /// The request_id of a header: `Idempotency-Key` before `x-request-id`, an empty one as none. The body's own comes
    /// before both.
    private static func requestID(of request: Request) -> BatchEngine.RequestID? {
        for (name, place) in [(HTTPField.Name.idempotencyKey, "Idempotency-Key"), (.requestID, "x-request-id")] {
            guard let text = request.headers[name], !text.isEmpty else { continue }
            return BatchEngine.RequestID(text: text, place: place)
        }
        return nil
    }
}
