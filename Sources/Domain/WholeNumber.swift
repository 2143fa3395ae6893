/// Whole numbers on a command line. Every option that counts something is read by this: the parser's own reading says
/// of a number that is too large, negative or not whole only that it is invalid.
public enum WholeNumber {
    /// Reads a number of a range, and throws `usage` with the range where it is another.
    public static func within<Number: FixedWidthInteger & Sendable>(
        _ range: ClosedRange<Number>
    ) -> @Sendable (String) throws -> Number {
        { text in
            guard let number = Number(text), range.contains(number) else {
                let bounds =
                    range.upperBound == Number.max
                    ? "from \(range.lowerBound) on" : "from \(range.lowerBound) to \(range.upperBound)"
                throw DaybookError.usage("it must be a whole number \(bounds)")
            }
            return number
        }
    }
}
