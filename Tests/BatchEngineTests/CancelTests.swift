import BatchEngine
import Domain
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct CancelTests {
    @Test func `cancelling gives back what was not handed over, once, and ends with the rest`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings, purchased: 70, bonus: 30)
            let outcome = try await pool.run {
                try Batches($0, of: userID).create(Sample.request("c", items: 10), by: nil, from: Sample.origin)
            }
            guard case .created(let batch, 0) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            // Three are at the provider.
            try await pool.run { session in
                try session.execute(
                    """
                    UPDATE daybook.task SET state = 'accepted', provider_task_id = 'p' || batch_index, accepted_at = created_at,
                        deadline_at = created_at + interval '1 hour'
                    WHERE user_id = $1 AND batch_index < 3
                    """, [.uuid(userID)])
            }
            func cancel() async throws -> CancelOutcome {
                try await pool.transaction { try Batches($0, of: userID).cancel(batch.batchID) }
            }
            let outcomes = try await withThrowingTaskGroup(of: CancelOutcome.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await pool.transaction { try Batches($0, of: userID).cancel(batch.batchID) } }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for outcome in outcomes {
                guard case .cancelled(let summary) = outcome else {
                    Issue.record("\(outcome)")
                    continue
                }
                #expect(summary.creditsRefunded == 70 && summary.status == .running && summary.failedCount == 7)
            }
            let running = try await pool.run {
                try Batches($0, of: userID).items(batch.batchID, status: .running, limit: 100, from: .offset(0))
            }
            #expect(running?.elements.map(\.index) == [0, 1, 2])
            let failed = try await pool.run {
                try Batches($0, of: userID).items(batch.batchID, status: .failed, limit: 100, from: .offset(0))
            }
            #expect(failed?.total == 7)
            #expect(failed?.elements.allSatisfy { $0.failureType == nil && $0.reason == "cancelled" } == true)

            // Two succeed, one fails.
            try await pool.transaction { session in
                try session.execute(
                    """
                    SELECT daybook.end_tasks($1, $2, array_agg(task_id ORDER BY batch_index), ARRAY['accepted'],
                        ARRAY['succeeded', 'succeeded', 'failed'], ARRAY[NULL, NULL, 'error'], ARRAY[NULL, NULL, 'model_error'],
                        ARRAY[NULL, NULL, 'no'], ARRAY['https://v/0', 'https://v/1', NULL])
                    FROM daybook.task WHERE user_id = $1 AND state = 'accepted'
                    """, [.uuid(userID), .uuid(batch.batchID)])
            }
            let ended = try #require(try await pool.run { try Batches($0, of: userID).summary(batch.batchID) })
            #expect(ended.status == .cancelled && ended.succeededCount == 2 && ended.failedCount == 8)
            #expect(ended.creditsSettled == 20 && ended.creditsRefunded == 80 && ended.completedAt != nil)
            #expect(try await cancel() == .cancelled(ended))
            let balance = try await pool.run { try CustomerLedger($0, of: userID).balance() }
            #expect(balance.available == 80 && balance.reserved == 0)
            try await checkLedger(userID, batch.batchID, pool)
            #expect(try await Sample.brokenInvariants(in: pool) == [])
        }
    }

    private func checkLedger(_ userID: String, _ batchID: String, _ pool: ConnectionPool) async throws {
        let all = try await pool.run { try CustomerLedger($0, of: userID).ledger(.init(), limit: 50, offset: 0) }
        #expect(all.elements.first?.kind == .settle && all.elements.first?.delta == -20)
        #expect(all.elements.first?.balanceAfter == 80)
        #expect(all.elements.last?.kind == .purchase || all.elements.last?.kind == .bonus)
        var balance: Int64 = 0
        for line in all.elements.reversed() {
            if line.kind != .settle { balance += line.delta }
            #expect(line.balanceAfter == balance)
        }
        let ofBatch = try await pool.run {
            try CustomerLedger($0, of: userID).ledger(.init(batchID: batchID), limit: 50, offset: 0)
        }
        #expect(ofBatch.elements.filter { $0.kind == .reserve }.reduce(0) { $0 + $1.delta } == -100)
        #expect(ofBatch.elements.filter { $0.kind == .refund }.reduce(0) { $0 + $1.delta } == 80)
        let second = try await pool.run {
            try CustomerLedger($0, of: userID).ledger(.init(batchID: batchID), limit: 1, offset: 1)
        }
        #expect(second.total == ofBatch.total && second.elements == [ofBatch.elements[1]])
    }

    @Test func `a batch that has ended, or is somebody else's, cannot be cancelled`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings, purchased: 1000)
            let stranger = try await TestCustomer.create(in: settings, purchased: 1000)
            let outcome = try await pool.run {
                try Batches($0, of: userID).create(Sample.request("f", items: 2), by: nil, from: Sample.origin)
            }
            guard case .created(let batch, _) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            let foreign = try await pool.transaction { try Batches($0, of: stranger).cancel(batch.batchID) }
            #expect(foreign == .notFound)
            #expect(try await pool.run { try Batches($0, of: stranger).summary(batch.batchID) } == nil)
            try await pool.run { session in
                try session.execute(
                    """
                    UPDATE daybook.task SET state = 'accepted', provider_task_id = 'p' || batch_index, accepted_at = created_at,
                        deadline_at = created_at + interval '1 hour'
                    WHERE user_id = $1
                    """, [.uuid(userID)])
                try session.execute(
                    """
                    SELECT daybook.end_tasks($1, $2, array_agg(task_id), ARRAY['accepted'], ARRAY['succeeded', 'succeeded'],
                        ARRAY[NULL, NULL], ARRAY[NULL, NULL], ARRAY[NULL, NULL], ARRAY['https://v/0', 'https://v/1'])
                    FROM daybook.task WHERE user_id = $1
                    """, [.uuid(userID), .uuid(batch.batchID)])
            }
            let late = try await pool.transaction { try Batches($0, of: userID).cancel(batch.batchID) }
            guard case .finished(let summary) = late else {
                Issue.record("\(late)")
                return
            }
            #expect(summary.status == .succeeded && summary.creditsSettled == 20)
        }
    }
}
