import Domain
import Testing

/// The money rule over random ledgers: draws add up to the lot, refunds give back what was taken.
@Suite struct CostBookTests {
    /// SplitMix64: the same numbers for the same seed.
    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }

    private static func entry(
        _ id: Int64, _ type: String, _ credits: Int64, batch: String = "", price: Int64? = nil, bucket: String = ""
    ) -> StatementEntry {
        let references = ["spend": "batch_upfront", "refund": "batch_refund"]
        return StatementEntry(
            id: id, postedAt: Instant(microseconds: id), type: type, bucket: bucket, credits: credits,
            referenceType: references[type] ?? "", referenceID: batch, price: price.map { Dollars(micros: $0) })
    }

    @Test(arguments: 1...300)
    func `the draws of all lots add up to their prices, whatever comes back in between`(seed: Int) throws {
        var random = Random(state: UInt64(seed))
        var book = CostBook()
        var id: Int64 = 0
        var left: Int64 = 0
        var paid: Int64 = 0
        var kept: [String: Int64] = [:]
        for step in 0..<200 {
            id += 1
            switch Int.random(in: 0..<10, using: &random) {
            case 0...1:
                let credits = Int64.random(in: 1...9_999, using: &random)
                let price = Int64.random(in: 0...99_999_999, using: &random)
                book.post(Self.entry(id, "purchase", credits, price: price).movement(model: ""))
                left += credits
                paid += price
            case 2...6 where left > 0:
                let credits = Int64.random(in: 1...min(left, 3_000), using: &random)
                book.post(Self.entry(id, "spend", -credits, batch: "b\(step)").movement(model: "sora-2"))
                kept["b\(step)"] = credits
                left -= credits
            default:
                guard let batch = kept.keys.sorted().randomElement(using: &random), let most = kept[batch], most > 0
                else {
                    continue
                }
                let credits = Int64.random(in: 1...most, using: &random)
                book.post(Self.entry(id, "refund", credits, batch: batch).movement(model: "sora-2"))
                kept[batch] = most - credits
                left += credits
            }
            let spent = kept.keys.reduce(Int64(0)) { $0 + book.cost(ofBatch: $1, model: "sora-2").micros }
            #expect(book.remaining == left, "seed \(seed), step \(step)")
            #expect(book.remainingCost.micros + spent == paid, "seed \(seed), step \(step)")
        }
        // Everything that was taken goes back, and with it everything that it cost.
        for (batch, credits) in kept.sorted(by: { $0.key < $1.key }) where credits > 0 {
            id += 1
            book.post(Self.entry(id, "refund", credits, batch: batch).movement(model: "sora-2"))
        }
        #expect(book.remainingCost.micros == paid && book.uncovered == 0, "seed \(seed)")
        // And once everything is spent, the lots are empty to the last millionth.
        if book.remaining > 0 {
            book.post(Self.entry(id + 1, "spend", -book.remaining, batch: "last").movement(model: "veo-pro"))
            #expect(book.cost(ofBatch: "last", model: "veo-pro").micros == paid, "seed \(seed)")
            #expect(book.remainingCost == .zero, "seed \(seed)")
        }
    }

    @Test(arguments: [(Int64(95_000), Int64(2_000)), (262_500, 5_000), (575_000, 10_000)])
    func `a package spent video by video costs what was paid for it`(credits: Int64, dollars: Int64) {
        var book = CostBook()
        book.post(Self.entry(1, "purchase", credits, price: dollars * 1_000_000).movement(model: ""))
        for video in 0..<(credits / 10) {
            book.post(Self.entry(2 + video, "spend", -10, batch: "b").movement(model: "sora-2"))
        }
        #expect(book.cost(ofBatch: "b", model: "sora-2").micros == dollars * 1_000_000)
    }

    @Test func `bonus credit costs nothing, and what it paid for comes back to it`() {
        var book = CostBook()
        book.post(Self.entry(1, "bonus_grant", 100).movement(model: ""))
        book.post(Self.entry(2, "purchase", 100, price: 100_000_000).movement(model: ""))
        book.post(Self.entry(3, "spend", -100, batch: "b", bucket: "bonus").movement(model: "sora-2"))
        // A deployment refunds to permanent credit, whatever paid.
        book.post(Self.entry(4, "refund", 40, batch: "b", bucket: "permanent").movement(model: "sora-2"))
        #expect(book.cost(ofBatch: "b", model: "sora-2") == .zero)
        #expect(book.remainingCost.micros == 100_000_000)
    }

    @Test func `a purchase without a price is valued at list`() {
        #expect(PriceList.price(ofCredits: 95_000).description == "2000.00")
        #expect(PriceList.price(ofCredits: 10).description == "0.49")
        #expect(PriceList.price(ofModel: "veo-pro")?.description == "5.99" && PriceList.price(ofModel: "sora-9") == nil)
    }

    @Test(arguments: [
        "0e7f12aa-38bf-4c7a-9ed1-0123456789ab", "0E7F12AA-38BF-4C7A-9ED1-0123456789AB", "", "b7", "طلب-450",
        "0e7f12aa-38bf-4c7a-9ed1-0123456789ag", "0e7f12aa38bf4c7a9ed10123456789ab",
        "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000",
    ])
    func `a batch's reference is the text that the rows have, to the letter`(text: String) {
        #expect(BatchReference(text).text == text)
        #expect(BatchReference(text) == BatchReference(String(text.map { $0 })))
        #expect((BatchReference(text) == BatchReference(text.lowercased())) == (text == text.lowercased()))
    }
}
