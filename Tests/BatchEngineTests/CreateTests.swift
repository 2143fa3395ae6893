import BatchEngine
import Domain
import Formats
import Postgres
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(4))) struct CreateTests {
    private func create(_ request: BatchRequest, _ userID: String, _ pool: ConnectionPool) async throws -> CreateOutcome
    {
        try await pool.run { try Batches($0, of: userID).create(request, by: nil, from: Sample.origin) }
    }

    @Test func `a batch is created whole, frozen, and given back for the same request`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings, purchased: 1000, bonus: 100)
            let request = BatchRequest(
                requestID: "order-1",
                items: [
                    BatchItem(prompt: "one", durationSeconds: 5, metadata: ["shelf": "a/b", "n": 1]),
                    BatchItem(model: .veoPro, prompt: "two", aspectRatio: .portrait),
                    BatchItem(model: .veoFlash, prompt: "three", durationSeconds: 15),
                ], webhookURL: "https://hooks.example/x")
            guard case .created(let batch, let available) = try await create(request, userID, pool) else {
                Issue.record("it was not created")
                return
            }
            #expect(batch.status == .pending && batch.totalCount == 3 && batch.requestID == "order-1")
            #expect(batch.costPerVideo == 250 && batch.creditsReserved == 310)
            #expect(batch.creditsSettled == 0 && batch.creditsRefunded == 0 && batch.completedAt == nil)
            #expect(available == 1100 - 310)
            let again = try await create(request, userID, pool)
            #expect(again == .replayed(batch, availableCredits: 790))
            let other = BatchRequest(requestID: "order-1", items: [BatchItem(prompt: "other")])
            #expect(try await create(other, userID, pool) == .conflict)

            let page = try await pool.run {
                try Batches($0, of: userID).items(batch.batchID, status: nil, limit: 2, from: .offset(1))
            }
            let items = try #require(page)
            #expect(items.total == 3 && items.elements.map(\.index) == [1, 2])
            #expect(items.elements.map(\.prompt) == ["two", "three"])
            #expect(items.elements.allSatisfy { $0.status == .pending && $0.metadata == nil })
            let first = try await pool.run {
                try Batches($0, of: userID).items(batch.batchID, status: .pending, limit: 1, from: .offset(0))
            }
            #expect(first?.elements[0].metadata == #"{"shelf":"a/b","n":1}"#)
            #expect(try await Sample.brokenInvariants(in: pool) == [])
        }
    }

    @Test func `bonus pays for no Veo-Pro, and what is missing is said exactly`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings, purchased: 240, bonus: 1000)
            let pro = Sample.request("pro", items: 1, model: .veoPro)
            #expect(try await create(pro, userID, pool) == .insufficient(required: 250, available: 240))
            let mixed = BatchRequest(
                requestID: "mixed", items: [BatchItem(prompt: "a"), BatchItem(model: .veoPro, prompt: "b")])
            #expect(try await create(mixed, userID, pool) == .insufficient(required: 260, available: 250))
            // Nothing was stored, so the same request_id is free for something else.
            let affordable = Sample.request("pro", items: 100)
            guard case .created(let batch, 240) = try await create(affordable, userID, pool) else {
                Issue.record("it was not created from the bonus alone")
                return
            }
            #expect(batch.creditsReserved == 1000)
            #expect(try await Sample.count("SELECT count(*) FROM public.batch_jobs", in: pool) == 1)
            #expect(try await Sample.brokenInvariants(in: pool) == [])
        }
    }

    @Test func `two hundred at once with one request_id make one batch`() async throws {
        try await withPool(16) { pool, settings in
            let userID = try await TestCustomer.create(in: settings, purchased: 100_000)
            let outcomes = try await withThrowingTaskGroup(of: CreateOutcome.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        try await pool.run {
                            try Batches($0, of: userID).create(
                                Sample.request("same", items: 20), by: nil, from: Sample.origin)
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            var created = 0
            var batchIDs: Set<String> = []
            for outcome in outcomes {
                switch outcome {
                case .created(let batch, _):
                    created += 1
                    batchIDs.insert(batch.batchID)
                case .replayed(let batch, _): batchIDs.insert(batch.batchID)
                default: Issue.record("\(outcome)")
                }
            }
            #expect(outcomes.count == 200 && created == 1 && batchIDs.count == 1)
            #expect(try await Sample.count("SELECT count(*) FROM daybook.task", in: pool) == 20)
            #expect(try await Sample.brokenInvariants(in: pool) == [])
        }
    }

    @Test func `sixty-four clients on one wallet spend it to the last credit and no further`() async throws {
        try await withPool(64) { pool, settings in
            // Enough for 100 of the 256 batches that are asked for.
            let userID = try await TestCustomer.create(in: settings, purchased: 2500, bonus: 500)
            let created = try await withThrowingTaskGroup(of: Int.self) { group in
                for client in 0..<64 {
                    group.addTask {
                        var created = 0
                        for turn in 0..<4 {
                            let request = Sample.request("c\(client)-\(turn)", items: 3)
                            let outcome = try await pool.run {
                                try Batches($0, of: userID).create(request, by: nil, from: Sample.origin)
                            }
                            if case .created = outcome { created += 1 }
                        }
                        return created
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(created == 100)
            let balance = try await pool.run { try CustomerLedger($0, of: userID).balance() }
            #expect(balance.available == 0 && balance.reserved == 3000)
            #expect(try await Sample.brokenInvariants(in: pool) == [])
        }
    }

    @Test func `ten thousand items are created and frozen in one transaction, and cancelled in another`() async throws {
        try await withPool { pool, settings in
            let userID = try await TestCustomer.create(in: settings, purchased: 100_000)
            let request = Sample.request("large", items: 10_000)
            let startedAt = ContinuousClock.now
            guard case .created(let batch, 0) = try await create(request, userID, pool) else {
                Issue.record("it was not created")
                return
            }
            let duration = ContinuousClock.now - startedAt
            print("10,000 items created and frozen in \(duration)")
            #expect(try await Sample.brokenInvariants(in: pool) == [])
            let cancelled = try await pool.transaction { try Batches($0, of: userID).cancel(batch.batchID) }
            guard case .cancelled(let summary) = cancelled else {
                Issue.record("\(cancelled)")
                return
            }
            #expect(summary.creditsRefunded == 100_000 && summary.failedCount == 10_000)
            #expect(summary.status == .cancelled && summary.creditsSettled == 0)
            let again = try await pool.transaction { try Batches($0, of: userID).cancel(batch.batchID) }
            #expect(again == cancelled)
            #expect(try await Sample.brokenInvariants(in: pool) == [])
        }
    }
}
