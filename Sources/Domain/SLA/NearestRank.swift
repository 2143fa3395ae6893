/// The exact nearest-rank percentiles of whole numbers: of n values in order, the one at rank ⌈n · share⌉, at least the
/// first.
///
/// What is selected lies in several arrays, none of which is put in order or copied where there are many values.
public enum NearestRank {
    /// Values beyond which they are counted by their digits instead of being put in order.
    static let sortedValues = 1 << 16
    /// Bits of a digit.
    private static let digitBits = 16

    /// The rank of a share of so many values, from 1.
    ///
    /// Precondition: 0 < `hundredths` ≤ 10,000, and `count` is not negative.
    public static func rank(ofHundredths hundredths: Int, among count: Int) -> Int {
        precondition(hundredths > 0 && hundredths <= 10_000 && count >= 0, "a share is between 0 and 1")
        // In 128 bits: a count times ten thousand need not fit 64.
        let (high, low) = count.multipliedFullWidth(by: hundredths)
        let (quotient, remainder) = 10_000.dividingFullWidth((high, low))
        return max(quotient + (remainder > 0 ? 1 : 0), 1)
    }

    /// The values at some ranks, from 1; nil for a rank beyond the last value.
    ///
    /// Precondition: no value is negative.
    public static func values(atRanks ranks: [Int], among parts: [[Int64]]) -> [Int64?] {
        let count = parts.reduce(0) { $0 + $1.count }
        guard count > sortedValues else {
            let sorted = parts.joined().sorted()
            return ranks.map { $0 <= count ? sorted[$0 - 1] : nil }
        }
        let greatest = parts.reduce(0) { max($0, $1.max() ?? 0) }
        return ranks.map { $0 <= count ? value(atRank: $0, among: parts, upTo: greatest) : nil }
    }

    /// Finds the value digit by digit, from the highest: so many values begin with each.
    private static func value(atRank rank: Int, among parts: [[Int64]], upTo greatest: Int64) -> Int64 {
        let bits = Int64.bitWidth - greatest.leadingZeroBitCount
        var shift = max(bits - 1, 0) / digitBits * digitBits
        var prefix: Int64 = 0
        var before = 0
        while true {
            var counts = [Int](repeating: 0, count: 1 << digitBits)
            let above = shift + digitBits
            for part in parts {
                for value in part where above >= Int64.bitWidth || value >> above == prefix {
                    counts[Int(value >> shift) & (1 << digitBits - 1)] += 1
                }
            }
            var digit = 0
            while before + counts[digit] < rank {
                before += counts[digit]
                digit += 1
            }
            prefix = prefix << digitBits | Int64(digit)
            guard shift > 0 else { return prefix }
            shift -= digitBits
        }
    }
}
