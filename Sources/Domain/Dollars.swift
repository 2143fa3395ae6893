/// An amount of US dollars in whole millionths of a dollar.
public struct Dollars: Hashable, Comparable, Sendable {
    /// Millionths of a dollar.
    public let micros: Int64

    public static let zero = Dollars(micros: 0)

    public init(micros: Int64) {
        self.micros = micros
    }

    /// Reads a decimal with at most six places; nil for anything else.
    public init?(_ text: String) {
        guard let micros = FixedPoint.parse(text, places: 6) else { return nil }
        self.init(micros: micros)
    }

    /// The share of a percentage, in whole cents: half a cent rounds up.
    ///
    /// Precondition: amount and percentage are not negative.
    public func share(_ percent: Percent) -> Dollars {
        precondition(micros >= 0 && percent.tenThousandths >= 0, "a share of a debt has no rounding rule")
        let product = micros.multipliedFullWidth(by: percent.tenThousandths)
        // micros · ten-thousandths of a percent / 1,000,000 are micros; 10,000 micros are a cent.
        let (cents, rest) = Int64(10_000_000_000).dividingFullWidth(product)
        return Dollars(micros: (rest >= 5_000_000_000 ? cents + 1 : cents) * 10_000)
    }

    public static func < (left: Dollars, right: Dollars) -> Bool { left.micros < right.micros }
}

extension Dollars: CustomStringConvertible {
    /// Two decimals where the amount is in whole cents, else as many as it takes, at most six: `1500.00`.
    public var description: String {
        var text = FixedPoint.text(micros, places: 6)
        var removable = 4
        while removable > 0, text.hasSuffix("0") {
            text.removeLast()
            removable -= 1
        }
        return text
    }
}
