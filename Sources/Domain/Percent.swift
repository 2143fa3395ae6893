/// A percentage in whole ten-thousandths of a percent, so that nothing is ever rounded in silence.
public struct Percent: Hashable, Comparable, Sendable {
    /// Ten-thousandths of a percent: 99.9 % is 999,000.
    public let tenThousandths: Int64

    public static let hundred = Percent(tenThousandths: 1_000_000)
    public static let zero = Percent(tenThousandths: 0)

    public init(tenThousandths: Int64) {
        self.tenThousandths = tenThousandths
    }

    /// Reads a decimal with at most four places, such as `99.9`; nil for anything else.
    public init?(_ text: String) {
        guard let value = FixedPoint.parse(text, places: 4) else { return nil }
        self.init(tenThousandths: value)
    }

    public static func < (left: Percent, right: Percent) -> Bool {
        left.tenThousandths < right.tenThousandths
    }
}

extension Percent: CustomStringConvertible {
    /// Four decimals, without a sign: `99.9000`.
    public var description: String { FixedPoint.text(tenThousandths, places: 4) }
}
