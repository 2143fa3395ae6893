/// Fixed-point decimals: text to whole units and back, without floating point.
public enum FixedPoint {
    /// Reads `-12.5` as whole units of 10^-places: at most that many decimals, digits
    /// on both sides of a point, no exponent, no blanks. Nil for anything else or an overflow.
    public static func parse(_ text: String, places: Int) -> Int64? {
        var digits = Substring(text)
        let negative = digits.first == "-"
        if negative { digits.removeFirst() }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }),
            parts.allSatisfy({ $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } })
        else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= places else { return nil }
        let padding = String(repeating: "0", count: places - fraction.count)
        return Int64((negative ? "-" : "") + parts[0] + fraction + padding)
    }

    /// Writes whole units of 10^-places with exactly that many decimals: `text(5, places: 2)` is `0.05`.
    public static func text(_ units: Int64, places: Int) -> String {
        var digits = String(units.magnitude)
        if digits.utf8.count <= places {
            digits = String(repeating: "0", count: places + 1 - digits.utf8.count) + digits
        }
        let split = digits.index(digits.endIndex, offsetBy: -places)
        let sign = units < 0 ? "-" : ""
        return places == 0 ? sign + digits : sign + digits[..<split] + "." + digits[split...]
    }
}
