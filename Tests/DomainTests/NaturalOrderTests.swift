import Domain
import TestSupport
import Testing

/// The order of slugs: as people count, and total.
@Suite struct NaturalOrderTests {
    @Test(arguments: [
        ["", "(none)", "(unknown video)", "customer2", "customer10", "customer10-a", "customer11"],
        // Bytewise but for numbers: a hyphen, digits, letters.
        ["a", "a-1", "a-10", "a0", "a1", "a1-2", "a1-10", "a2", "aa", "b"],
        // What differs in leading zeros alone is ordered by its bytes, after everything else.
        ["a00b", "a0b", "a01a", "a1a", "a001b", "a01b", "a1b", "a2a"],
        ["0", "007", "07", "7", "8", "10"],
        // Longer than any whole number that a machine holds.
        ["x1-", "x99999999999999999999999999999999999999", "x100000000000000000000000000000000000000"],
    ])
    func `slugs stand as people count`(order: [String]) {
        for _ in 0..<20 { #expect(order.shuffled().inNaturalOrder { $0 } == order) }
    }

    @Test func `a run of digits of any length is compared by its number`() {
        // Around the lengths at which one byte of the key's length is full.
        let lengths = [1, 2, 9, 10, 254, 255, 256, 509, 510, 511, 765]
        let numbers = lengths.map { "c" + String(repeating: "9", count: $0) }
        #expect(numbers.reversed().inNaturalOrder { $0 } == numbers)
        #expect(NaturalOrder.precedes("c" + String(repeating: "0", count: 300) + "1", "c2"))
    }

    @Test(arguments: 0..<20)
    func `the order is total: no two texts are equal, and of three none goes round`(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        let slugs = (0..<40).map { _ in RandomSlug.next(&generator) }
        for a in slugs {
            #expect(!NaturalOrder.precedes(a, a))
            for b in slugs where a != b {
                #expect(NaturalOrder.precedes(a, b) != NaturalOrder.precedes(b, a), "\(a) \(b)")
                for c in slugs where NaturalOrder.precedes(a, b) && NaturalOrder.precedes(b, c) {
                    #expect(NaturalOrder.precedes(a, c), "\(a) \(b) \(c)")
                }
            }
        }
    }

    @Test(arguments: 0..<20)
    func `it is what comparing part by part gives`(seed: UInt64) {
        var generator = SeededRandom(seed: 1_000 + seed)
        for _ in 0..<400 {
            let (a, b) = (RandomSlug.next(&generator), RandomSlug.next(&generator))
            #expect(NaturalOrder.precedes(a, b) == Self.precedes(Array(a.utf8), Array(b.utf8)), "\(a) \(b)")
        }
    }

    @Test func `those of one slug keep their order`() {
        let rows = [("b", 1), ("a", 2), ("b", 3), ("a", 4)].inNaturalOrder(of: \.0)
        #expect(rows.map(\.1) == [2, 4, 1, 3])
    }

    /// The same without keys: digit by digit, and the bytes where nothing else differs.
    private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            guard isDigit(left[i]), isDigit(right[j]) else {
                if left[i] != right[j] { return left[i] < right[j] }
                (i, j) = (i + 1, j + 1)
                continue
            }
            let one = Array(left[i...].prefix(while: isDigit)), other = Array(right[j...].prefix(while: isDigit))
            (i, j) = (i + one.count, j + other.count)
            let numbers = (Array(one.drop { $0 == 0x30 }), Array(other.drop { $0 == 0x30 }))
            if numbers.0.count != numbers.1.count { return numbers.0.count < numbers.1.count }
            if numbers.0 != numbers.1 { return numbers.0.lexicographicallyPrecedes(numbers.1) }
        }
        if i < left.count || j < right.count { return i == left.count }
        return left.lexicographicallyPrecedes(right)
    }
}
