import Testing

@testable import Domain

/// Statements of random ledgers: they tile, they add up, and what is to blame is the whole difference.
@Suite struct StatementBookTests {
    /// A random ledger in its order, and the batches that some of its rows are of.
    private static func ledger(_ random: inout CostBookTests.Random) -> ([StatementEntry], [StatementBatch]) {
        let types = ["purchase", "bonus_grant", "spend", "refund", "adjust"]
        let entries = (1...120).map { number in
            StatementEntry(
                id: Int64(number), postedAt: Instant(microseconds: Int64.random(in: 0..<1_000, using: &random)),
                type: types.randomElement(using: &random) ?? "adjust",
                credits: Int64.random(in: -500...500, using: &random),
                referenceType: ["batch_upfront", "batch_refund", "bonus_expiry", ""].randomElement(using: &random)
                    ?? "",
                referenceID: "b\(Int.random(in: 0..<9, using: &random))")
        }.sorted { ($0.postedAt ?? .distantPast, $0.id) < ($1.postedAt ?? .distantPast, $1.id) }
        let batches = (0..<6).map { number in
            StatementBatch(
                id: "b\(number)", requestID: "", createdAt: nil,
                settledAt: number % 3 == 0 ? nil : Instant(microseconds: Int64.random(in: 0..<1_000, using: &random)),
                status: "completed",
                parts: [.init(model: "sora-2", items: 3, succeeded: 2, failed: 1, delivered: 20)])
        }
        return (entries, batches)
    }

    /// What the ledger has of every reference of a single video by the end of a period.
    static func charges(_ entries: [StatementEntry], _ period: Period) -> [SingleVideos.Charge] {
        func isBefore(_ entry: StatementEntry, _ instant: Instant) -> Bool {
            entry.postedAt.map { $0 < instant } ?? false
        }
        let returned = entries.filter { $0.isSingleReturn && isBefore($0, period.start) }.map(\.referenceID)
        let spends = entries.filter {
            $0.isSingleVideo && !$0.referenceID.isEmpty && isBefore($0, period.end)
        }
        return Dictionary(grouping: spends) { [$0.referenceID, $0.model] }.map { key, rows in
            SingleVideos.Charge(
                reference: key[0], model: key[1],
                rowsBefore: Int64(rows.count { isBefore($0, period.start) }),
                isReturnedBefore: returned.contains(key[0]))
        }
    }

    @Test(arguments: 1...200)
    func `consecutive months tile and every row belongs to one of them`(seed: Int) {
        var random = CostBookTests.Random(state: UInt64(seed))
        let (entries, batches) = Self.ledger(&random)
        var bounds = [0] + (0..<5).map { _ in Int64.random(in: 1..<999, using: &random) }.sorted() + [1_000]
        bounds = bounds.map { $0 }
        var opening: Int64 = 0
        var listed: [Int64] = []
        for (start, end) in zip(bounds, bounds.dropFirst()) {
            let period = Period(start: Instant(microseconds: start), end: Instant(microseconds: end))
            var book = StatementBook(period: period, plan: .prepaid, batches: batches)
            for entry in entries { if let line = book.post(entry) { listed.append(line.entry.id) } }
            book.settleSingles(Self.charges(entries, period))
            book.finish(wallet: 7, expiredUnbooked: 0)
            #expect(book.summary.openingBalance == opening, "seed \(seed)")
            opening = book.summary.closingBalance
            #expect(book.differences.reduce(0) { $0 + $1.credits } == book.summary.unreconciled, "seed \(seed)")
            #expect(book.summary.unexplained == 7 - entries.reduce(0) { $0 + $1.credits }, "seed \(seed)")
        }
        #expect(listed == entries.map(\.id), "seed \(seed)")
        #expect(opening == entries.reduce(0) { $0 + $1.credits }, "seed \(seed)")
    }

    @Test(arguments: 1...200)
    func `what is before the month counts the same by what it moves as row by row`(seed: Int) {
        var random = CostBookTests.Random(state: UInt64(seed))
        let (entries, batches) = Self.ledger(&random)
        let models = Dictionary(uniqueKeysWithValues: batches.map { ($0.id, $0.onlyModel ?? "") })
        let start = Instant(microseconds: Int64.random(in: 0..<1_000, using: &random))
        let period = Period(start: start, end: Instant(microseconds: 1_000))
        let plan: Account.Plan = seed.isMultiple(of: 4) ? .payAsYouGo : .prepaid
        var whole = StatementBook(period: period, plan: plan, batches: batches)
        var prior = PriorLedger(plan: plan)
        var moved = batches
        for entry in entries {
            _ = whole.post(entry)
            guard let postedAt = entry.postedAt, postedAt < start else { continue }
            let isOfBatch = entry.isFreeze || entry.isRefund
            let movement = entry.movement(model: isOfBatch ? models[entry.referenceID] ?? entry.model : entry.model)
            if let place = moved.firstIndex(where: { BatchReference($0.id) == movement.batch }) {
                moved[place].postBefore(movement)
            }
            prior.post(movement)
            if movement.isPurchase, movement.price == nil, entry.credits > 0 { prior.unpricedPurchases.append(entry) }
        }
        let total = entries.reduce(0) { $0 + $1.credits }
        var book = StatementBook(period: period, plan: plan, batches: moved, total: total, prior: prior)
        for entry in entries where entry.postedAt.map({ $0 >= start }) ?? false { _ = book.post(entry) }
        whole.settleSingles(Self.charges(entries, period))
        book.settleSingles(Self.charges(entries, period))
        whole.finish(wallet: 7, expiredUnbooked: 0)
        book.finish(wallet: 7, expiredUnbooked: 0)
        #expect(book.summary == whole.summary && book.bonus == whole.bonus, "seed \(seed)")
        #expect(book.usage == whole.usage && book.uncoveredCredits == whole.uncoveredCredits, "seed \(seed)")
        #expect(book.unpricedPurchases == whole.unpricedPurchases, "seed \(seed)")
        #expect(book.differences.map(\.reference) == whole.differences.map(\.reference), "seed \(seed)")
    }

    @Test func `a batch that gives back before it settles leaves nothing unreconciled`() {
        let batch = StatementBatch(
            id: "b", requestID: "r", createdAt: nil, settledAt: Instant(microseconds: 150), status: "partial",
            parts: [.init(model: "sora-2", items: 10, succeeded: 8, failed: 2, delivered: 80)])
        let entries = [
            StatementEntry(
                id: 1, postedAt: Instant(microseconds: 10), type: "spend", credits: -100,
                referenceType: "batch_upfront", referenceID: "b"),
            StatementEntry(
                id: 2, postedAt: Instant(microseconds: 50), type: "refund", credits: 10, referenceType: "batch_refund",
                referenceID: "b"),
            StatementEntry(
                id: 3, postedAt: Instant(microseconds: 150), type: "refund", credits: 10,
                referenceType: "batch_refund", referenceID: "b"),
        ]
        for (start, end, held) in [(Int64(0), Int64(100), Int64(90)), (100, 200, 0)] {
            var book = StatementBook(
                period: Period(start: Instant(microseconds: start), end: Instant(microseconds: end)),
                plan: .payAsYouGo, batches: [batch])
            for entry in entries { _ = book.post(entry) }
            book.finish(wallet: nil, expiredUnbooked: nil)
            #expect(book.summary.heldClosing == held)
            #expect(book.summary.unreconciled == 0)
            #expect(book.summary.unexplained == nil)
        }
    }
}

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
