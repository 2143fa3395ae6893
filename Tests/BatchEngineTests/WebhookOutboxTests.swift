import Domain
import Postgres
import TestSupport
import Testing

@testable import BatchEngine

/// What a courier takes out of the outbox, and what it records there.
@Suite struct WebhookOutboxTests {
    @Test func `an attempt that is recorded twice, because its commit's answer was lost, counts once`() async throws {
        try await withEngine { settings in
            let userID = try await TestCustomer.create(in: settings, purchased: 100)
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                let request = BatchRequest(
                    requestID: "told", items: [BatchItem(model: .sora2, prompt: "a paper boat")],
                    webhookURL: "https://example.com/hook")
                _ = try Batches(session, of: userID).create(request, by: nil, from: Sample.origin)
                func take() throws -> [WebhookDelivery] {
                    try session.transaction { try WebhookOutbox(session).take(10, ofOne: 4, except: []) }
                }
                let delivery = try #require(try take().first)
                #expect(try take().isEmpty && delivery.attempts == 0)
                func note(_ status: Int) throws {
                    let answer = WebhookAnswer(status: status, milliseconds: 1, address: "192.0.2.1")
                    try session.transaction {
                        try WebhookOutbox(session).note([WebhookAttempt(delivery: delivery, answer: answer)])
                    }
                }
                func standing() throws -> String {
                    try session.query(
                        """
                        SELECT concat_ws(' ', d.state, d.attempts, (SELECT count(*) FROM daybook.webhook_attempt))
                        FROM daybook.webhook_delivery AS d
                        """)[0].text(0)
                }
                for _ in 0..<3 { try note(500) }
                #expect(try standing() == "due 1 1")
                // What arrived has arrived, whoever says so.
                try note(200)
                #expect(try standing() == "delivered 2 2")
            }
            await connection.close()
        }
    }
}
