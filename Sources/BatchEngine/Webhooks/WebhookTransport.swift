import Domain
import Foundation

/// Carries messages to addresses of customers.
public protocol WebhookTransport: Sendable {
    /// Sends a message once: no retry, and no redirect is followed. Ends within ``WebhookMessage/seconds``; nil where
    /// the call was cancelled.
    func send(_ message: WebhookMessage) async -> WebhookAnswer?
}

/// A message with its signatures.
public struct WebhookMessage: Sendable, Hashable {
    /// Seconds from looking up the address to the head of the answer.
    public static let seconds: Int64 = 5

    public let url: String
    public let headers: [Header]
    public let body: [UInt8]

    public struct Header: Sendable, Hashable {
        public let name: String
        public let value: String
    }

    /// - Parameters:
    ///   - id: The event's, the same at every attempt; it holds no full stop.
    ///   - sentAt: Seconds since 1970, of this attempt.
    ///   - secrets: The newest first; all of them sign.
    public init(
        url: String, id: String, batchID: String, body: String, sentAt: Int64, secrets: [WebhookSecret]
    ) {
        self.url = url
        self.body = Array(body.utf8)
        let bytes = self.body
        let signatures = secrets.map { $0.signature(id: id, seconds: sentAt, body: bytes) }
        var headers = [
            Header(name: "content-type", value: "application/json"), Header(name: "user-agent", value: "daybook"),
            Header(name: "webhook-id", value: id), Header(name: "webhook-timestamp", value: "\(sentAt)"),
            Header(name: "webhook-signature", value: signatures.joined(separator: " ")),
            Header(name: "x-batch-id", value: batchID),
            Header(name: "x-sora2-timestamp", value: Instant(microseconds: sentAt * 1_000_000).description),
        ]
        // Receivers of that header compare all of it: one signature, by the newest secret.
        if let secret = secrets.first {
            headers.append(Header(name: "x-sora2-signature", value: secret.bodySignature(bytes)))
        }
        self.headers = headers
    }
}

extension WebhookMessage {
    /// A message about a batch of five that does not exist, to try a receiver with.
    public init(test url: String, sentAt: Int64, secret: WebhookSecret) {
        let batchID = "00000000-0000-4000-8000-000000000000"
        let body = """
            {"event":"batch.completed","batch_id":"\(batchID)","request_id":"test","status":"partial",\
            "summary":{"total":5,"succeeded":4,"failed":1,"pending":0},\
            "ledger":{"reserved":50,"settled":40,"refunded":10},\
            "timestamp":"\(Instant(microseconds: sentAt * 1_000_000))"}
            """
        self.init(
            url: url, id: WebhookEventID.text(of: batchID), batchID: batchID, body: body, sentAt: sentAt,
            secrets: [secret])
    }
}

/// What became of a message.
public struct WebhookAnswer: Sendable, Hashable {
    /// The HTTP status; nil where there was no answer.
    public let status: Int?
    /// From looking up the address to the head of the answer.
    public let milliseconds: Int64
    /// The address that was connected to, or would have been; nil where there was none to connect to.
    public let address: String?
    /// Why there was no answer.
    public let cause: String?
    /// Seconds after which the receiver wants to be asked again.
    public let retryAfter: Int64?

    public init(status: Int?, milliseconds: Int64, address: String?, cause: String? = nil, retryAfter: Int64? = nil) {
        self.status = status
        self.milliseconds = milliseconds
        self.address = address
        self.cause = cause
        self.retryAfter = retryAfter
    }

    /// Why the message did not arrive; nil where it did. Only 2xx says so.
    public var failure: String? {
        guard let status else { return cause ?? "there was no answer" }
        return switch status {
        case 200..<300: nil
        case 300..<400: "the receiver answered \(status), and redirects are not followed"
        default: "the receiver answered \(status)"
        }
    }
}
