import BatchEngine
import Domain
import Postgres
import TestSupport
import Testing

/// What a customer has, as `daybook credits balance` and the Batch API say it.
@Suite struct BalanceTests {
    @Test func `the application's batches are held, and expired bonus is not available`() async throws {
        try await withEngine { settings in
            let user = try await TestCustomer.create(in: settings, purchased: 500, bonus: 40)
            let connection = try await Connection.open(settings)
            let (balance, wire) = try await connection.transaction { session in
                try session.executeScript(
                    """
                    UPDATE daybook.lot SET expires_at = daybook.clock() - interval '1 second' WHERE kind = 'bonus';
                    INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video, frozen_credits,
                        settlement_status)
                    VALUES (gen_random_uuid(), '\(user)', 'processing', 3, 10, 30, 'pending')
                    """)
                return (try CreditBook(session).balance(of: user), try CustomerLedger(session, of: user).balance())
            }
            await connection.close()
            #expect(balance.purchased == 500 && balance.bonus == 0 && balance.expired == 40)
            #expect(balance.available == 500 && balance.held == 30)
            #expect(wire.available == balance.available && wire.reserved == balance.held)
        }
    }

    @Test func `a refund of a single video says so, and one that names no charge does not`() async throws {
        try await withEngine { settings in
            let user = try await TestCustomer.create(in: settings, purchased: 500)
            let connection = try await Connection.open(settings)
            let lines = try await connection.transaction { session in
                try session.executeScript(
                    """
                    INSERT INTO public.credit_ledger (user_id, type, credits_delta, ref_type, ref_id) VALUES
                        ('\(user)', 'spend', -10, 'video_task', 'v'), ('\(user)', 'refund', 10, 'video_refund', 'v'),
                        ('\(user)', 'refund', 3, 'video_refund', 'w')
                    """)
                return try CustomerLedger(session, of: user).ledger(CustomerLedger.Filter(), limit: 10, offset: 0)
                    .elements
            }
            await connection.close()
            let words = lines.map { "\($0.kind.rawValue) \($0.reason?.rawValue ?? "") \($0.delta)" }
            #expect(words.contains("settle single_video -10"), "\(words)")
            #expect(words.contains("refund single_video 10") && words.contains("refund  3"), "\(words)")
            #expect(lines.contains { $0.description == "Credits returned from a single video" })
        }
    }
}
