import Domain
import Formats
import Postgres
import Schema

/// What is to be told to customers' addresses: taken to be sent, and what became of it.
struct WebhookOutbox {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// Takes deliveries whose turn it is, for 20 seconds.
    ///
    /// - Parameters:
    ///   - limit: How many, at most.
    ///   - ofOne: How many of one address, at most.
    ///   - full: Addresses that take nothing more now.
    func take(_ limit: Int, ofOne: Int, except full: [String]) throws -> [WebhookDelivery] {
        let rows = try session.query(
            """
            SELECT user_id, event_id, endpoint_id, url, encode(secret, 'hex') AS secret,
                encode(earlier_secret, 'hex') AS earlier_secret, body, batch_id, attempts::bigint AS attempts, seconds
            FROM daybook.take_deliveries($1::integer, $2::integer, $3::uuid[])
            """, [Value(limit), Value(ofOne), .texts(full)])
        return try rows.map(WebhookDelivery.init)
    }

    /// Records attempts in the order in which they ended.
    func note(_ attempts: [WebhookAttempt]) throws {
        // One address after the other, as whoever else locks several.
        let ordered = attempts.enumerated().sorted { first, second in
            let (one, other) = (first.element.delivery, second.element.delivery)
            return (one.userID, one.endpointID, first.offset) < (other.userID, other.endpointID, second.offset)
        }
        for (_, attempt) in ordered {
            let (delivery, answer) = (attempt.delivery, attempt.answer)
            try session.execute(
                "SELECT daybook.note_attempt($1, $2, $3, $4, $5::integer, $6::integer, $7, $8, $9, $10)",
                [
                    .uuid(delivery.userID), .uuid(delivery.eventID), .uuid(delivery.endpointID),
                    .text(delivery.message.url), .int(delivery.attempts), answer.status.map { Value($0) } ?? .null,
                    .int(answer.milliseconds),
                    Value(answer.address),
                    Value(answer.failure.map { String($0.prefix(Limits.remarkLength)) }),
                    answer.retryAfter.map(Value.int) ?? .null,
                ])
        }
    }
}

/// An event on its way to an address.
struct WebhookDelivery: Sendable, Hashable {
    let userID: String
    let eventID: String
    let endpointID: String
    /// Attempts before this one.
    let attempts: Int64
    let message: WebhookMessage

    init(_ row: Row) throws {
        userID = try row.uuid("user_id")
        eventID = try row.uuid("event_id")
        endpointID = try row.uuid("endpoint_id")
        attempts = try row.int("attempts")
        let secrets = try ["secret", "earlier_secret"].compactMap { try row.optionalText($0) }.compactMap {
            Hexadecimal.bytes($0).flatMap(WebhookSecret.init(bytes:))
        }
        message = WebhookMessage(
            url: try row.text("url"), id: WebhookEventID.text(of: eventID), batchID: try row.uuid("batch_id"),
            body: try row.text("body"), sentAt: try row.int("seconds"), secrets: secrets)
    }
}

/// One sending of a delivery.
struct WebhookAttempt: Sendable, Hashable {
    let delivery: WebhookDelivery
    let answer: WebhookAnswer
}

/// The id of an event as receivers see it.
public enum WebhookEventID {
    private static let prefix = "evt_"

    /// `evt_` and the 32 digits of the event's UUID.
    static func text(of uuid: String) -> String { prefix + uuid.filter { $0 != "-" } }

    /// The UUID of an id; nil for anything else.
    public static func uuid(of text: String) -> String? {
        guard text.hasPrefix(prefix) else { return nil }
        let digits = Array(text.dropFirst(prefix.count))
        guard digits.count == 32, digits.allSatisfy({ "0123456789abcdef".contains($0) }) else { return nil }
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }
}
