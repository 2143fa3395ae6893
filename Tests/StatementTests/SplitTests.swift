import Testing

@testable import Domain

/// A batch of several models is split by its tasks' models, whatever its ledger rows say.
@Suite struct SplitTests {
    private static func batch() -> StatementBatch {
        var batch = StatementBatch(
            id: "b", requestID: "r", createdAt: nil, settledAt: Instant(microseconds: 50), status: "partial",
            parts: [
                .init(model: "sora-2", items: 3, succeeded: 2, failed: 1, cost: 30, delivered: 20),
                .init(model: "veo-pro", items: 2, succeeded: 1, failed: 1, cost: 500, delivered: 250),
            ])
        // The application writes every row under one model.
        batch.postBefore(frozen: 530, refunded: 260, model: "sora-2")
        return batch
    }

    @Test func `the rows of one model are split by what the tasks of each cost, and add up`() {
        let shares = Self.batch().shares { _ in Dollars(micros: 270_000_001) }
        #expect(shares.map(\.model) == ["sora-2", "veo-pro"])
        #expect(shares.map(\.frozen) == [30, 500])
        #expect(shares.map(\.refunded) == [10, 250])
        #expect(shares.map(\.delivered) == [20, 250])
        #expect(shares.map(\.cost.micros) == [20_000_000, 250_000_001])
    }

    @Test func `rows that say of each model what its tasks say keep the cost of their own draws`() {
        var batch = StatementBatch(
            id: "b", requestID: "r", createdAt: nil, settledAt: nil, status: "completed",
            parts: [
                .init(model: "sora-2", items: 1, succeeded: 1, cost: 10, delivered: 10),
                .init(model: "veo-pro", items: 1, succeeded: 1, cost: 250, delivered: 250),
            ])
        batch.postBefore(frozen: 10, refunded: 0, model: "sora-2")
        batch.postBefore(frozen: 250, refunded: 0, model: "veo-pro")
        let shares = batch.shares { $0 == "veo-pro" ? Dollars(micros: 7) : .zero }
        #expect(shares.map(\.cost.micros) == [0, 7])
    }

    @Test(arguments: 1...300) func `the parts of any amount add up to it, and none is beyond it`(seed: Int) {
        var random = CostBookTests.Random(state: UInt64(seed))
        let total = Int64.random(in: -1_000...1_000, using: &random)
        let weights = (0..<Int.random(in: 1...5, using: &random)).map { _ in Int64.random(in: 0...9, using: &random) }
        let parts = StatementBatch.split(total, by: [weights, weights.map { _ in 1 }])
        #expect(parts.reduce(0, +) == total, "seed \(seed)")
        #expect(parts.allSatisfy { abs($0) <= abs(total) && $0.signum() * total.signum() >= 0 }, "seed \(seed)")
    }
}
