/// The order of slugs for people: `customer2` before `customer10`, else by bytes, and an empty one first.
///
/// A run of digits counts as the number that it is, however long. What differs in leading zeros alone (`a1`, `a01`) is
/// ordered by its bytes, so that no two texts are equal. The relation `slug_order` of `reports/sources` is the same
/// rule in SQL, where rows are too many to be ordered here.
public enum NaturalOrder {
    /// What a text is ordered by: bytes whose order is the natural one.
    public static func key(_ text: String) -> [UInt8] {
        var key: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.first {
            guard isDigit(byte) else {
                key.append(byte)
                rest = rest.dropFirst()
                continue
            }
            let run = rest.prefix(while: isDigit)
            rest = rest.dropFirst(run.count)
            let digits = run.drop { $0 == zero }
            // A run stands where digits do among other characters; of two the one with fewer digits comes first.
            key.append(zero)
            var length = digits.count
            while length >= UInt8.max {
                key.append(.max)
                length -= Int(UInt8.max)
            }
            key.append(UInt8(length))
            key.append(contentsOf: digits)
        }
        // A NUL comes before whatever else goes on here.
        key.append(0)
        key.append(contentsOf: text.utf8)
        return key
    }

    /// True where the left one comes before the right one.
    public static func precedes(_ left: String, _ right: String) -> Bool {
        key(left).lexicographicallyPrecedes(key(right))
    }

    private static let zero = UInt8(ascii: "0")

    private static func isDigit(_ byte: UInt8) -> Bool { (zero...UInt8(ascii: "9")).contains(byte) }
}

extension Sequence {
    /// The elements in the natural order of a slug of each. Those of one slug keep their order.
    public func inNaturalOrder(of slug: (Element) -> String) -> [Element] {
        enumerated().map { (key: NaturalOrder.key(slug($0.element)), place: $0.offset, element: $0.element) }.sorted {
            $0.key == $1.key ? $0.place < $1.place : $0.key.lexicographicallyPrecedes($1.key)
        }.map(\.element)
    }
}
