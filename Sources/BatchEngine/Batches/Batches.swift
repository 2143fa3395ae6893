import Domain
import Formats
public import Postgres

/// The batches of one customer: created, read, cancelled.
public struct Batches {
    let session: Session
    let userID: String

    public init(_ session: Session, of userID: String) {
        self.session = session
        self.userID = userID
    }

    /// Creates a batch and freezes its credit in one transaction, whose commit is the answer. Asking again with the
    /// same request_id gives the same batch.
    ///
    /// Run it outside of a transaction. Throws ``PostgresError``.
    public func create(_ request: BatchRequest, by keyID: String?, from origin: RequestOrigin) throws -> CreateOutcome {
        let fingerprint = request.fingerprint
        let outcome = try create(parameters(request, fingerprint), for: request, by: keyID, from: origin)
        guard case .conflict = outcome else { return outcome }
        // What an earlier version kept of the same request is compared with what it would have kept.
        let earlier = request.earlierFingerprint
        guard earlier != fingerprint else { return outcome }
        return try create(parameters(request, earlier), for: request, by: keyID, from: origin)
    }

    /// The parameters are made before: a transaction that waits for its client is ended soon.
    private func create(
        _ parameters: [Value], for request: BatchRequest, by keyID: String?, from origin: RequestOrigin
    ) throws -> CreateOutcome {
        // Who waits longer for a twin than this may ask again; so may who asks for more than a server can do.
        let options = TransactionOptions(
            statementTimeoutMilliseconds: 60_000, lockTimeoutMilliseconds: 15_000,
            idleTimeoutMilliseconds: Limits.idleInTransactionMilliseconds)
        return try session.transaction(options) {
            let row = try session.query(
                """
                SELECT outcome, batch_id, required, available
                FROM daybook.create_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                """, parameters)[0]
            let required = try row.int("required")
            let available = try row.optionalInt("available")
            switch try row.text("outcome") {
            case "insufficient": return .insufficient(required: required, available: available ?? 0)
            case "conflict": return .conflict
            case let outcome:
                let batchID = try row.uuid("batch_id")
                try log(request, keyID, origin, batchID)
                guard let summary = try summary(batchID) else {
                    preconditionFailure("a batch that was just found is there")
                }
                if outcome == "created", let available { return .created(summary, availableCredits: available) }
                return .replayed(summary, availableCredits: try self.available(for: request))
            }
        }
    }

    private func parameters(_ request: BatchRequest, _ fingerprint: [UInt8]) -> [Value] {
        let items = request.items
        return [
            .uuid(userID), Value(request.requestID), .bytes(fingerprint), Value(request.webhookURL),
            .texts(items.map(\.model.rawValue)), .ints(items.map(\.model.credits)), .texts(items.map(\.prompt)),
            .texts(items.map(\.aspectRatio.rawValue)), .ints(items.map(\.durationSeconds)),
            .array(items.map { Value($0.metadata?.compactText) }, of: .text),
            .texts(VideoModel.allCases.filter(\.takesBonus).map(\.rawValue)),
            items.contains { $0.customID != nil } ? .array(items.map { Value($0.customID) }, of: .text) : .null,
        ]
    }

    private func available(for request: BatchRequest) throws -> Int64 {
        let takesBonus = request.items.contains { $0.model.takesBonus }
        return try session.query(
            "SELECT daybook.available($1, $2)", [.uuid(userID), .int(takesBonus ? .max : 0)])[0].int(0)
    }

    private func log(_ request: BatchRequest, _ keyID: String?, _ origin: RequestOrigin, _ batchID: String) throws {
        guard let keyID else { return }
        try session.execute(
            "SELECT daybook.log_request($1, $2, $3, $4, $5, $6, $7)",
            [
                .uuid(userID), .uuid(keyID), .text(origin.endpoint), Value(origin.address),
                Value(origin.userAgent.map { String($0.unicodeScalars.prefix(Limits.userAgentLength)) }),
                Value(request.requestID), .uuid(batchID),
            ])
    }
}

extension Batches {
    /// Cancels what was not handed over, and gives its credit back as one tranche. Cancelling again changes nothing.
    ///
    /// Run it in a transaction.
    public func cancel(_ batchID: String) throws -> CancelOutcome {
        guard let before = try summary(batchID) else { return .notFound }
        if before.status == .cancelled { return .cancelled(before) }
        let refunded = try session.query(
            "SELECT daybook.cancel($1, $2)", [.uuid(userID), .uuid(batchID)])[0].optionalInt(0)
        guard let after = try summary(batchID) else { return .notFound }
        if refunded != nil { return .cancelled(after) }
        let owner = try session.query(
            "SELECT owner FROM daybook.batch WHERE user_id = $1 AND batch_id = $2", [.uuid(userID), .uuid(batchID)])
        let isOurs = try owner.first.map { try $0.text("owner") == "engine" } ?? false
        return isOurs || after.completedAt != nil ? .finished(after) : .notOurs
    }
}

extension Batches {
    /// Tells a batch's events to another address from now on, also those that wait or were given up; to nobody where
    /// that is nil.
    ///
    /// Run it in a transaction.
    public func redirect(_ batchID: String, to webhookURL: String?) throws -> RedirectOutcome {
        guard let before = try summary(batchID) else { return .notFound }
        guard before.completedAt == nil else { return .finished(before) }
        let changed = try session.query(
            "SELECT daybook.redirect_webhook($1, $2, $3)", [.uuid(userID), .uuid(batchID), Value(webhookURL)]
        )[0].bool(0)
        return changed ? .redirected(before) : .notOurs
    }
}

/// What became of a request for another webhook.
public enum RedirectOutcome: Sendable, Hashable {
    case redirected(BatchSummary)
    /// It has ended: what is missing can be sent again.
    case finished(BatchSummary)
    /// The old application runs it.
    case notOurs
    case notFound
}

/// What became of a request for a batch.
public enum CreateOutcome: Sendable, Hashable {
    /// The batch, and the credits that are left for another like it.
    case created(BatchSummary, availableCredits: Int64)
    /// The batch that the request_id stands for already.
    case replayed(BatchSummary, availableCredits: Int64)
    /// The request_id stands for another batch than the one asked for.
    case conflict
    /// The credit does not suffice; nothing was stored.
    case insufficient(required: Int64, available: Int64)
}

/// What became of a request to cancel a batch.
public enum CancelOutcome: Sendable, Hashable {
    /// What was not handed over is cancelled; what the provider has runs on.
    case cancelled(BatchSummary)
    /// It has ended already.
    case finished(BatchSummary)
    /// The old application runs it.
    case notOurs
    case notFound
}

/// Where a request came from, for the request log.
public struct RequestOrigin: Sendable, Hashable {
    /// The path that was called.
    public let endpoint: String
    public let address: String?
    public let userAgent: String?

    public init(endpoint: String, address: String?, userAgent: String?) {
        self.endpoint = endpoint
        self.address = address
        self.userAgent = userAgent
    }
}
