import TestSupport
import Testing

@testable import Domain

/// Percentiles by nearest rank: the value that the definition names, however many there are and wherever they lie.
@Suite struct NearestRankTests {
    @Test(arguments: [
        (5_000, 1, 1), (5_000, 2, 1), (5_000, 3, 2), (9_500, 20, 19), (9_500, 21, 20), (9_900, 100, 99),
        (9_900, 101, 100), (10_000, 7, 7), (1, 5, 1), (9_000, 10, 9), (9_000, 11, 10),
    ])
    func `the rank is the share of the count, rounded up, and at least the first`(
        hundredths: Int, count: Int, rank: Int
    ) {
        #expect(NearestRank.rank(ofHundredths: hundredths, among: count) == rank)
    }

    @Test func `a count that times the share does not fit 64 bits has its exact rank`() {
        // 9,223,372,036,854,775,807 · 0.99, by hand: 9,131,138,316,486,228,048.93
        #expect(NearestRank.rank(ofHundredths: 9_900, among: .max) == 9_131_138_316_486_228_049)
    }

    /// Few values are put in order, many are counted digit by digit: both sides of the bound, and values of one, two and
    /// four digits.
    @Test(arguments: [1, 5, 1000, NearestRank.sortedValues, NearestRank.sortedValues + 1, 200_000])
    func `a value is that of all values in order, in however many parts they lie`(count: Int) {
        var generator = SeededRandom(seed: UInt64(count))
        for greatest: Int64 in [0, 9, 70_000, 3_000_000_000, .max] {
            let values = (0..<count).map { _ in Int64.random(in: 0...greatest, using: &generator) }
            let cut = count / 3
            let parts = [Array(values[..<cut]), [], Array(values[cut...])]
            let ranks = [5_000, 9_000, 9_500, 9_900, 10_000].map {
                NearestRank.rank(ofHundredths: $0, among: count)
            }
            let sorted = values.sorted()
            #expect(
                NearestRank.values(atRanks: ranks + [count + 1], among: parts)
                    == ranks.map { sorted[$0 - 1] } + [nil])
        }
    }

    @Test func `among no values there is none`() {
        #expect(NearestRank.values(atRanks: [1], among: [[], []]) == [nil])
    }
}
