import BatchEngine
import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Many at once on one wallet and on one key: one effect each, no deadlock, no balance below nothing.
@Suite(.serialized) struct RushTests {
    private static let user = "11111111-2222-3333-4444-555555555555"

    private func withCredit(
        _ credits: Int64, _ body: @Sendable (ConnectionSettings) async throws -> Void
    ) async throws {
        try await withDatabase { settings in
            let connection = try await Connection.open(settings)
            _ = try await Migrator().migrate(connection)
            try await connection.transaction { session in
                try session.execute("INSERT INTO public.users (id) VALUES ($1)", [.uuid(Self.user)])
                let booking = try CreditBooking(
                    kind: .purchase(credits: credits, price: .zero), reference: "first", author: "test", reason: nil)
                _ = try CreditBook(session).book(booking, for: Self.user)
            }
            await connection.close()
            try await body(settings)
        }
    }

    /// Lets so many clients, each with a connection of its own, do something at once.
    private func rush<Result: Sendable>(
        _ clients: Int, _ settings: ConnectionSettings,
        _ body: @escaping @Sendable (Int, Connection) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: Result.self) { group in
            for client in 0..<clients {
                group.addTask {
                    let connection = try await Connection.open(settings)
                    let result = try await body(client, connection)
                    await connection.close()
                    return result
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func total(_ settings: ConnectionSettings) async throws -> [Int64] {
        let connection = try await Connection.open(settings)
        let row = try await connection.run { session in
            try session.query(
                """
                SELECT permanent_credits::bigint AS wallet, (SELECT sum(remaining) FROM daybook.lot)::bigint AS lots,
                    (SELECT sum(credits_delta) FROM public.credit_ledger)::bigint AS ledger,
                    (SELECT count(*) FROM daybook.batch)::bigint AS batches
                FROM public.credit_wallet
                """)[0]
        }
        await connection.close()
        return [try row.int("wallet"), try row.int("lots"), try row.int("ledger"), try row.int("batches")]
    }

    @Test func `sixty-four clients freeze and settle on one wallet`() async throws {
        try await withCredit(64 * 3 * 20) { settings in
            let outcomes = try await rush(64, settings) { client, connection in
                var created = 0
                for round in 0..<4 {
                    let request = BatchRequest(
                        requestID: "\(client)-\(round)", items: [BatchItem(prompt: "a"), BatchItem(prompt: "b")])
                    let outcome = try await connection.run {
                        try Batches($0, of: Self.user).create(request, by: nil, from: .test)
                    }
                    guard case .created(let summary, _) = outcome else { continue }
                    created += 1
                    // Half of them are cancelled: settled, with everything given back.
                    guard round % 2 == 0 else { continue }
                    _ = try await connection.transaction { try Batches($0, of: Self.user).cancel(summary.batchID) }
                }
                return created
            }
            // Every second batch gave its credit back, so that most of the rest found some.
            let kept = try await total(settings)
            #expect(outcomes.reduce(0, +) == Int(kept[3]))
            #expect(kept[0] >= 0 && kept[0] == kept[1] && kept[1] == kept[2], "\(kept)")
            #expect(outcomes.allSatisfy { $0 >= 2 })
        }
    }

    @Test func `a thousand identical freezes at once freeze once`() async throws {
        try await withCredit(1000) { settings in
            try await execute(
                """
                INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
                VALUES ('aaaaaaaa-0000-0000-0000-000000000001', '\(Self.user)', 'queued', 5, 10)
                """, in: settings)
            let answers = try await rush(50, settings) { _, connection in
                var news = 0
                for _ in 0..<20 {
                    let answer = try await connection.run { session in
                        try session.query(
                            "SELECT (public.freeze_credits_for_batch($1, $2, 50) ->> 'already')::boolean AS already",
                            [.uuid("aaaaaaaa-0000-0000-0000-000000000001"), .uuid(Self.user)])[0].bool("already")
                    }
                    news += answer ? 0 : 1
                }
                return news
            }
            #expect(answers.reduce(0, +) == 1)
            #expect(try await total(settings) == [950, 950, 950, 1])
        }
    }
}

extension RequestOrigin {
    /// A request that no server received.
    static let test = RequestOrigin(endpoint: "/batches", address: nil, userAgent: nil)
}
